"""The system calls that a stranger's process is refused, by what they could do, with their numbers.

Each name stands beside its number on x86_64 and on aarch64 (``None`` where an architecture lacks it); a test compares
them with the kernel's own headers. :mod:`benchmark.sandbox.seccomp` makes a filter of them.
"""

Numbers = tuple[int, int | None]

PROCESSES: dict[str, Numbers] = {  # it starts none, looks into none, and leaves neither its group nor its rights
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "setpgid": (109, 154),
    "setsid": (112, 157),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119),  # nor does it come before all others
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "setrlimit": (160, 164),
    "personality": (135, 92),
    # another user's id also takes off the signal that comes when the parent dies
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setgroups": (116, 159),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setfsuid": (122, 151),
    "setfsgid": (123, 152),
    "capset": (126, 91),
}
SIGNALS: dict[str, Numbers] = {  # besides those whose arguments say to whom
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
}
NETWORK: dict[str, Numbers] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "io_uring_setup": (425, 425),  # it opens sockets and files, too
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
KERNEL_MEMORY: dict[str, Numbers] = {  # memory that no process's own figures show, or that outlives it
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "io_setup": (206, 0),
    "flock": (73, 32),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "landlock_create_ruleset": (444, 444),
    "userfaultfd": (323, 282),
}
FILES: dict[str, Numbers] = {  # a method makes none: flat plain files can be counted, and taken away afterwards
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "unlink": (87, None),  # a file without a name still fills the disk
    "unlinkat": (263, 35),
    "rmdir": (84, None),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "fallocate": (285, 47),  # faster than anybody can look
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
}
MACHINE: dict[str, Numbers] = {  # mounts, name spaces, clocks, modules: most ask for root, which a container may be
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
}
REFUSED = PROCESSES | SIGNALS | NETWORK | KERNEL_MEMORY | FILES | MACHINE
FOR_CUDA = ("memfd_create",)  # its driver keeps code that it makes there

ABSENT: dict[str, Numbers] = {  # "no such system call": libraries then take an older one, whose arguments can be seen
    "clone3": (435, 435),
    "openat2": (437, 437),
}
NEWEST = 462  # of the calls looked at; what a later kernel adds is absent, too

# Allowed or not by their arguments:
CLONE: Numbers = (56, 220)
OPEN: Numbers = (2, None)
OPENAT: Numbers = (257, 56)
FCNTL: Numbers = (72, 25)
IOCTL: Numbers = (16, 29)
PRCTL: Numbers = (157, 167)
PRLIMIT64: Numbers = (302, 261)
TO_ITSELF: dict[str, Numbers] = {"kill": (62, 129), "tgkill": (234, 131)}  # the first argument says to which process
OF_ITSELF: dict[str, Numbers] = {"sched_setaffinity": (203, 122)}  # 0 means the caller
SECCOMP: Numbers = (317, 277)

CLONE_THREAD = 0x10000
O_ASYNC, O_TMPFILE = 0x2000, 0x400000  # signals on input; a file without a name
F_SETFL = 4  # allowed without O_ASYNC
FCNTL_ALLOWED = (  # not: who gets signals (F_SETOWN, F_SETSIG, F_NOTIFY, leases), locks, larger pipes
    *(0, 1030),  # F_DUPFD, F_DUPFD_CLOEXEC
    *(1, 2, 3),  # F_GETFD, F_SETFD, F_GETFL
    *(1032, 1034),  # F_GETPIPE_SZ, F_GET_SEALS
)
IOCTL_REFUSED = (
    *(0x5452, 0x8901, 0x8902),  # FIOASYNC, FIOSETOWN, SIOCSPGRP: who gets signals
    *(0x5412, 0x541C, 0x540E, 0x5410, 0x5423, 0x541D),  # TIOCSTI, TIOCLINUX, -SCTTY, -SPGRP, -SETD, -CONS: terminals
    *(0x40086602, 0x40046602, 0x401C5820),  # FS_IOC_SETFLAGS, -32, FS_IOC_FSSETXATTR: files nobody can remove
    *(0xC0045877, 0xC0045878),  # FIFREEZE, FITHAW
)
PRCTL_ALLOWED = (  # not: the signal when the parent dies, who may look into it, its memory map, its capabilities
    *(2, 3, 21, 23, 30, 39, 42, 51, 52, 56),  # only ask: PR_GET_PDEATHSIG ... PR_GET_TAGGED_ADDR_CTRL
    *(15, 16),  # PR_SET_NAME, PR_GET_NAME: of a thread
    *(29, 38, 41),  # PR_SET_TIMERSLACK, PR_SET_NO_NEW_PRIVS, PR_SET_THP_DISABLE
    *(50, 54, 55),  # aarch64: vector length, pointer keys, tagged addresses
    *(0x53564D41, 0x41555856),  # PR_SET_VMA: names of memory areas; PR_GET_AUXV
)
