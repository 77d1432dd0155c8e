"""Study-level metabolite ratios and T2 of the healthy adult human brain, from a published database.

The database is that of Gudmundson et al., Anal Biochem 676:115227 (2023), https://github.com/agudmundson/mrs-database
(MIT licence): values that its authors read from about 500 papers. This script takes what concerns the ratio priors and
writes `diffmrs/priors/data/brain_1h_studies.json`:

    python benchmarks/literature_ratios.py --database CHECKOUT [--out FILE]

Kept are healthy or control groups without treatment, of mean age 18 or more (or not told), at 3 T or more. A study
that reports several groups, regions or sequences counts once, with its median. All other adult groups at 3 T or more
(patients, aged, treated) are told by their number and median only.
"""

import argparse
import csv
import json
from collections import defaultdict
from pathlib import Path
from statistics import median

COMMIT = "1e51324f440bd0bb30be555b97839bd8c704ea52"
LOWEST_FIELD_T = 3.0
ADULT_YEARS = 18.0
# How the database writes what we call ... (spellings as in its column "Metabolite").
SPELLINGS = {
    "Ala": ["Ala"],
    "Asc": ["Asc"],
    "Asp": ["Asp"],
    "GABA": ["GABA"],
    "Glc": ["Glc", "Total Glucose"],
    "Gln": ["Gln"],
    "Glu": ["Glu"],
    "GSH": ["GSH"],
    "Gly": ["Gly"],
    "Ins": ["Myo", "mI", "Myo-Ins", "Ins", "mIns", "m-Ins", "MI", "ml"],
    "Lac": ["Lac", "Lact"],
    "NAA": ["NAA"],
    "NAAG": ["NAAG"],
    "tNAA": ["tNAA", "NAA+NAAG", "NAA + NAAG"],
    "PE": ["PE"],
    "sIns": ["Scy", "sI", "sIns", "Scy-Ins", "Scyllo", "s-Ins"],
    "Ser": ["Ser"],
    "Tau": ["Tau"],
    "Cr": ["Cr", "Cre"],
    "PCr": ["PCr", "Pcr"],
    "tCr": ["tCr", "tCre", "t-Cr", "PCr+Cr", "Cr+PCr", "PCr + Cr", "Cre+PCr", "Cr + PCr"],
    "GPC": ["GPC"],
    "PCho": ["PCho", "PCh", "PC"],
    "tCho": ["tCho", "GPC+PC", "GPC+PCh", "GPC+PCho", "GPC + PCh", "Gpc+PC", "GPC + PC", "GPC+Pcho"],
}
NAME = {spelling: name for name, spellings in SPELLINGS.items() for spelling in spellings}
UNITS = ("tCr_u", "IU_u", "mM_u")
T2_NAMES = {
    "NAA CH3": ["NAA", "NAA_CH3", "tNAA"],
    "Cr CH3": ["Cre", "Cre_CH3", "Cr_CH3", "tCr", "tCr_CH3"],
    "Cr CH2": ["Cre_CH2", "Cr_CH2", "tCr_CH2"],
    "tCho": ["Cho", "tCho", "tCh"],
    "Ins": ["Myo", "Ins"],
    "NAA CH2": ["NAA_CH2"],
    "sIns": ["Scy"],
} | {name: [name] for name in ("Asc", "Asp", "GABA", "Gln", "Glu", "GSH", "Gly", "Lac", "NAAG", "PE", "Tau")}


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def adult_at_high_field(reference):
    age, field = number(reference["Age"]), number(reference["Tesla"])
    return (age is None or age >= ADULT_YEARS) and field is not None and field >= LOWEST_FIELD_T


def healthy(reference):
    return reference["Group"].strip() in ("Healthy", "Control") and reference["Treatment"] != "1"


def quotients(value):
    """The ratios that one row of results gives; `value[name]` in one unit."""
    v = defaultdict(lambda: None, value)
    both = v["Cr"] is not None and v["PCr"] is not None
    tcr = v["tCr"] if v["tCr"] is not None else v["Cr"] + v["PCr"] if both else v["Cr"]
    weak = ("Ala", "Asc", "Asp", "GABA", "Glc", "GSH", "Gly", "Lac", "PE", "sIns", "Ser", "Tau")
    strong = ("Glu", "Ins", "tNAA", "tCho")
    found = {f"{name}/tCr": (v[name], tcr) for name in weak + strong}
    found["Gln/Glu"] = (v["Gln"], v["Glu"])
    found["PCr/tCr"] = (v["PCr"], tcr if tcr != v["Cr"] else None)
    for part, rest, total in (("NAAG", "NAA", "tNAA"), ("PCho", "GPC", "tCho")):
        known = v[part] is not None and v[rest] is not None
        found[f"{part}/{total}"] = (v[part], v[part] + v[rest] if known else v[total])
    return {name: a / b for name, (a, b) in found.items() if a is not None and b}


def study_ratios(database):
    references = {(r["Reference"], r["ID"]): r for r in rows(database / "References_Concentrations.csv")}
    table = defaultdict(lambda: defaultdict(dict))
    for row in rows(database / "Values_Concentrations.csv"):
        name = NAME.get(row["Metabolite"].strip())
        for unit in UNITS if name else ():
            if (value := number(row[unit])) is not None:
                table[row["Reference"], row["ID"]][unit].setdefault(name, value)
    ratios, studies, others = defaultdict(lambda: defaultdict(list)), {}, defaultdict(list)
    for key, units in table.items():
        if key not in references or not adult_at_high_field(references[key]):
            continue
        found = {}
        for unit in UNITS:
            value = dict(units[unit])
            if unit == "tCr_u":
                value.update(tCr=1.0)
                value.pop("Cr", None)
            found = quotients(value) | found
        for name, ratio in found.items():
            if not healthy(references[key]):
                others[name].append(ratio)
                continue
            ratios[name][key[0]].append(ratio)
            study = studies.setdefault(key[0], describe(references[key]))
            study["regions"] = sorted({*study["regions"], references[key]["Voxel_Region"].strip()})
    return ratios, studies, others


def describe(reference):
    return {
        "doi": reference["DOI"].strip(),
        "field_t": float(reference["Tesla"]),
        "sequence": reference["Localization"].strip(),
        "echo_time_ms": reference["TE (ms)"].strip(),
        "regions": [],
    }


def relaxation_times(database):
    """Median over studies, by field and resonance, T2 in ms."""
    groups = {
        (r["Reference"], r["ID"])
        for r in rows(database / "References_T2.csv")
        if r["Group"].strip() in ("Healthy", "Control")
    }
    found = defaultdict(lambda: defaultdict(list))
    name_of = {spelling: name for name, spellings in T2_NAMES.items() for spelling in spellings}
    for row in rows(database / "Values_T2.csv"):
        name, value = name_of.get(row["Metabolite"]), number(row["T2"])
        if name and value and row["Subject"] == "Human" and (row["Reference"], row["ID"]) in groups:
            found[row["Tesla"], name][row["Reference"] + " " + row["DOI"].strip()].append(value)
    table = {"3": {}, "7": {}}
    for (field, name), studies in sorted(found.items()):
        if field in table:
            per_study = {study: round(median(values)) for study, values in sorted(studies.items())}
            table[field][name] = {"t2_ms": round(median(per_study.values())), "studies": per_study}
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", type=Path, required=True, help="a checkout of agudmundson/mrs-database")
    default = Path(__file__).parents[1] / "diffmrs/priors/data/brain_1h_studies.json"
    parser.add_argument("--out", type=Path, default=default)
    args = parser.parse_args()
    ratios, studies, others = study_ratios(args.database)
    values = {
        name: {k: float(f"{median(v):.3g}") for k, v in sorted(found.items())} for name, found in sorted(ratios.items())
    }
    document = {
        "source": "Gudmundson AT et al. Meta-analysis and open-source database for in vivo brain magnetic resonance "
        "spectroscopy in health and disease. Anal Biochem 676:115227 (2023). doi:10.1016/j.ab.2023.115227",
        "url": "https://github.com/agudmundson/mrs-database",
        "commit": COMMIT,
        "licence": "MIT, Copyright (c) 2023 Aaron Gudmundson",
        "kept": __doc__.split("\n\n")[-1].strip().replace("\n", " "),
        "ratios": values,
        "other_groups": {k: {"groups": len(v), "median": float(f"{median(v):.3g}")} for k, v in sorted(others.items())},
        "t2": relaxation_times(args.database),
        "studies": dict(sorted(studies.items())),
    }
    args.out.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, found in values.items():
        high = [v for k, v in found.items() if studies[k]["field_t"] >= 7]
        high_text = f"{median(high):.3f}" if high else "-"
        print(f"{name:10s} {len(found):3d} studies {median(found.values()):.3f}, >= 7 T {len(high):2d} {high_text}")


if __name__ == "__main__":
    main()
