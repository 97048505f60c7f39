"""Error rates, coverage, power and savings of the sequential test; `benchmarks/statistics_simulations.py` has it all.

python benchmarks/statistics.py [--only null equivalent coverage power recipe dropping shape] [--campaigns 20000]
"""

if __name__ == "__main__":
    from statistics_simulations import main

    main()
else:
    # A script beside this one, or a library that it uses, wanted the standard library's module of this name.
    import importlib.machinery
    import importlib.util
    import sys
    import sysconfig

    found = importlib.machinery.PathFinder.find_spec(__name__, [sysconfig.get_path("stdlib")])
    assert found is not None
    assert found.loader is not None
    sys.modules[__name__] = importlib.util.module_from_spec(found)
    found.loader.exec_module(sys.modules[__name__])
