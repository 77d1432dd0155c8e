"""An independent simulation for the tests: full matrices, `scipy.linalg.expm`, nothing of the library."""

import numpy as np
from scipy.linalg import expm

SINGLE = {
    "x": np.array([[0, 1], [1, 0]]) / 2,
    "y": np.array([[0, -1j], [1j, 0]]) / 2,
    "z": np.array([[1, 0], [0, -1]]) / 2,
}


def operator(n, spin, axis):
    out = np.ones((1, 1))
    for k in range(n):
        out = np.kron(out, SINGLE[axis] if k == spin else np.eye(2))
    return out


class Dense:
    """Density matrix of n spins with frequencies nu (Hz) and couplings j (Hz, upper triangle)."""

    def __init__(self, nu, j):
        n = self.n = len(nu)
        self.nu = np.asarray(nu)
        ops = self.ops = {a: [operator(n, k, a) for k in range(n)] for a in "xyz"}
        self.fz = sum(ops["z"])
        self.h = 2 * np.pi * sum(nu[k] * ops["z"][k] for k in range(n)).astype(complex)
        for a in range(n):
            for b in range(a + 1, n):
                self.h += 2 * np.pi * j[a, b] * sum(ops[x][a] @ ops[x][b] for x in "xyz")
        self.rho = self.fz.astype(complex) * 2.0 ** (2 - n)

    def apply(self, u):
        self.rho = u @ self.rho @ u.conj().T

    def delay(self, t):
        self.apply(expm(-1j * self.h * t))

    def pulse(self, flip_deg, phase_deg, touched=None):
        phase = np.deg2rad(phase_deg)
        generator = np.zeros_like(self.h)
        for k in range(self.n):
            if touched is None or touched[k]:
                generator += np.cos(phase) * self.ops["x"][k] + np.sin(phase) * self.ops["y"][k]
        self.apply(expm(-1j * np.deg2rad(flip_deg) * generator))

    def field(self, b1_hz, offset_hz, t):
        """Constant RF (complex, Hz) and an offset (Hz) on all spins for t seconds."""
        rf = sum(self.ops["x"]) * b1_hz.real + sum(self.ops["y"]) * b1_hz.imag
        self.apply(expm(-1j * (self.h + 2 * np.pi * (rf + offset_hz * self.fz)) * t))

    def keep(self, order):
        m = np.real(np.diag(self.fz))
        self.rho = np.where(np.round(m[:, None] - m[None, :]) == order, self.rho, 0)

    def fid(self, dwell, n_points):
        raising = sum(self.ops["x"]) + 1j * sum(self.ops["y"])
        step = expm(-1j * self.h * dwell)
        samples = []
        for _ in range(n_points):
            samples.append(np.trace(self.rho @ raising))
            self.apply(step)
        return np.array(samples)


def random_system(n, seed, span_hz=60.0, j_hz=12.0):
    """Strongly coupled: shifts within 60 Hz, couplings of either sign up to 12 Hz."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-span_hz, span_hz, n), np.triu(rng.uniform(-j_hz, j_hz, (n, n)), 1)
