from bench.machine.hardware import hardware


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_hardware_is_read_from_the_kernels_files(tmp_path):
    cache = "sys/devices/system/cpu/cpu0/cache"
    write(
        tmp_path,
        {
            "proc/cpuinfo": "model name\t: Some CPU\nflags\t: fpu smep avx2 amx_tile hypervisor\n\n"
            "model name\t: Another\n",
            f"{cache}/index0/level": "1",
            f"{cache}/index0/type": "Data",
            f"{cache}/index0/size": "48K",
            f"{cache}/index2/level": "2",
            f"{cache}/index2/type": "Unified",
            f"{cache}/index2/size": "2048K\n",
            f"{cache}/index3/level": "3",
            f"{cache}/index3/size": "32M\n",
            "sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq": "3500000\n",
            "sys/devices/system/cpu/cpufreq/policy1/cpuinfo_max_freq": "2100000\n",
            "sys/devices/system/node/online": "0-1\n",
            "sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
            "sys/class/dmi/id/product_name": "m5.large\n",
            "sys/hypervisor/type": "",
        },
    )
    built = hardware(None, tmp_path)
    assert built.cpu_name == "Some CPU"
    assert built.cpu_flags == ("amx_tile", "avx2")
    assert (built.cpu_cache_l2_bytes, built.cpu_cache_l3_bytes) == (2**21, 2**25)
    assert built.cpu_hertz_max == 3.5e9
    assert built.numa_nodes == 2
    assert built.gpus == ()
    if built.virtualised is not None:
        assert (built.virtualised, built.hypervisor) == (True, "Amazon EC2 m5.large")
