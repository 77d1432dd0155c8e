"""The population of the healthy brain has the concentrations of the literature, whatever the basis calls them."""

import jax
import numpy as np
import pytest
import synthetic

from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.simulate import brain_concentrations, brain_population

LINE = synthetic.lines_fid([(1.3, 2, 0, 16)], n_points=64)
BASIS = synthetic.basis(("NAA", "Cr", "PCr", "MM09"), n_points=64)


def test_medians_are_usual_and_macromolecules_begin_at_half_of_the_metabolites():
    population, absent = brain_population(BASIS, spread=0.2)
    assert absent == ()
    values = np.asarray(
        jax.vmap(lambda key: population.amplitude.draw(key, (4,)))(jax.random.split(jax.random.key(0), 4000))
    )
    usual = brain_concentrations(("NAA", "Cr", "PCr"))
    np.testing.assert_allclose(np.median(values, axis=0)[:3], usual, rtol=0.03)
    np.testing.assert_allclose(np.log(values).std(axis=0), 0.2, rtol=0.06)
    first = np.abs(np.asarray(BASIS.fid)[:, 0])
    assert np.median(values[:, 3]) * first[3] == pytest.approx(0.5 * usual @ first[:3], rel=0.03)


def test_lipids_and_unknown_members_stay_at_zero_and_are_told():
    fid = np.concatenate([np.asarray(BASIS.fid)[:1], LINE[None], LINE[None]])
    population, absent = brain_population(Basis(fid, BASIS.acquisition, ("NAA", "Lip13", "Unobtainium")))
    assert absent == ("Lip13", "Unobtainium")
    assert (np.asarray(population.amplitude.draw(jax.random.key(0), (3,)))[1:] == 0).all()
    with pytest.raises(InputError, match="no usual concentration in brain is known of Unobtainium"):
        brain_population(Basis(LINE[None], BASIS.acquisition, ("Unobtainium",)))
