"""deterministic = true: the same weights, to the last bit, from the same seed in two processes."""

SETTINGS = {"deterministic": True, "hidden": [64], "batch_size": 1_000, "epochs": 1}


def test_two_processes_come_to_the_same_weights(begin):
    processes = [begin(deterministic=True) for _ in range(2)]
    for process in processes:
        process.answer(90)
        process.ask("tests.gpu.training.weights", settings=SETTINGS)
    one, other = (process.answer(90) for process in processes)
    assert one == other
    for process in processes:
        process.close()
