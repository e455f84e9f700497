//! The words of commands, as parts of patterns.

/// Programs whose name alone in command position means that a command is run.
macro_rules! rare {
    () => {
        r"(?:whoami|ifconfig|netstat|sysinfo|nslookup|wget|curl|uname|lsb_release|ncat|netcat|socat|telnet|tcpdump|traceroute|bash|zsh|ksh|csh|tcsh|dash|busybox|chmod|chown|chroot|crontab|useradd|adduser|usermod|passwd|sudo|killall|pkill|pgrep|nohup|lsof|hexdump|xxd|base64|base32|openssl|ssh-keygen|sshpass|scp|rsync|tftp|lastlog|strace|gdb|python[\d.]*|perl[\d.]*|ruby|php[\d.]*|lua|nodejs|pip[\d.]*|apt-get|aptitude|dpkg|yum|systemctl|iptables|mkfifo|mknod|printenv|hostid|getent|dmesg|lsmod|lscpu|lspci|lsblk|ansible(?:-\w+)?|terraform|kubectl|docker|chef-\w+|cscli|cpulimit|ldconfig|zstdcat|zcat|bzcat|xzcat|nproc|uptime|sysctl|setarch|timedatectl|readlink|realpath|xargs|awk|gawk|mawk|sed|gcc[\d.]*|g\+\+|c89|c99|cobc|ghc|tclsh|wish|vim|vimdiff|rvim|gimp|emacs|ftp|sftp|finger|arp|ipconfig|tasklist|systeminfo|rmdir|mkdir|fdisk|mount|umount|debugfs|unshare|nsenter|rlwrap|byebug|irb|jjs|jrunscript|gtester|capsh|setfacl|getfacl|dash|ash|pdksh|fish|rbash|tmux|screen|ps2pdf|shutdown|poweroff|reboot)"
    };
}
/// Programs that are also words; they need an argument of a command behind them.
macro_rules! wordy {
    () => {
        concat!("(?:", acting!(), "|", naming!(), ")")
    };
}
/// Those that nobody calls a field.
macro_rules! acting {
    () => {
        r"cat|ls|ps|sh|echo|ping|dig|egrep|fgrep|grep|tac|tee|touch|cp|mv|rm|ln|kill|unset|exec|eval|tar|unzip|gzip|gunzip|nc|cd|su|vi|nano|pico|printf|whereis|dd|sleep|rpm|ssh|md5sum|sha1sum|cksum|chsh|chfn|rmt|aria2c|sendmail|pwd|df|du|uniq"
    };
}
/// Those that are names of fields, too.
macro_rules! naming {
    () => {
        r"id|host|find|head|tail|less|more|nl|od|rev|cut|sort|env|set|source|time|timeout|nice|zip|w|who|last|at|ed|ex|file|stat|date|test|read|route|ip|dir|type|which|locate|man|make|git|node|java|go|split|paste|join|diff|strings|watch|wall|write|mail|service|alias|bg|fg|jobs|history|hostname|groups|top|free|cmp|expr|seq|fold|expand|apt|snap|gem|npm|yarn|pip|ss|sum|basename|dirname|flock|fmt|look|bc|dc|arch|ab|as|cc|nm|ld|ar"
    };
}
/// What makes the word before it a command: an option, a path, a variable, a redirection, a separator or the end.
macro_rules! argument {
    () => {
        r"(?:[\s+]+(?:-{1,2}[a-z0-9]|[\w.~*?\[\]{}$-]*/[\w.*?~$-]|\$[\w{(]|[~.]{1,2}(?:$|/)|\*|\x22|'|[\w*-]{1,40}\.[a-z]{1,5}\b|\d{1,3}\.\d{1,3}\.|[<>|&;]|https?:|localhost|\\|\{|`|/(?:$|[\s;|&])|-?(?:aux|axu|ef|[cxt]z?v?f)\b|\d+(?:$|[\s;|&]))|[\s]*(?:$|[;|&<>`)\n]|\|\||&&)|\$\{?ifs|\{|%20|,)"
    };
}

/// Programs whose names mean nothing else in any language, so that any argument, or none, will do.
macro_rules! unmistakable {
    () => {
        r"(?:whoami|ifconfig|nslookup|lsb_release|zstdcat|bzcat|xzcat|gunzip|unxz|bsdtar|visudo|cscli|ansible(?:-\w+)|chef-(?:\w+)|mkfifo|aa-(?:disable|enforce|exec)|apt-get|ssh-(?:keygen|copy-id|keyscan)|pipx[\s]+install|printenv|lastlog(?:in)?|sysctl|ldconfig|setfacl|capsh|tcpdump|chgrp|rlwrap|uconv|htop|rmt-(?:tar|dump)|ps2pdf|nohup[\s]+\w+|strace[\s]+\w+|time[\s]+(?:sh|bash|ifconfig|bsdtar)|perf[\s]+--\w+|env[\s]+--\w+|chef[\s]+report|ansible[\s]+all|python\d(?:\.\d+)?[\s]+\w+(?:\.py)?$|python[\s]+\w+\.py$)"
    };
}

pub(super) use {acting, argument, naming, rare, unmistakable, wordy};
