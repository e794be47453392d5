#!/usr/bin/env bash
#
# Records the captures of this folder: a small cloud network made of Linux network namespaces, real programs talking in
# it, and one capture point. See README.md for what comes out and why it is there.
#
# Nothing leaves the machine: the namespaces have no link to any real network. No security group filters anything
# while recording, so that the traffic a group would drop is in the capture, answers included.

set -euo pipefail

usage() {
    cat <<'USAGE'
usage: record.sh tunnel|vpc|turbo|all [OUTDIR]

Writes cce-tunnel.pcap, cce-vpc.pcapng or cce-turbo.pcap (or all three) to OUTDIR, by default the folder of this
script. Takes about a minute for each. Needs Linux, root, and these Debian packages (or what they are called elsewhere):

    iproute2 ethtool nftables procps iputils-ping tcpdump wireshark-common tshark
    nginx-light openssl curl dnsmasq-base bind9-dnsutils chrony openssh-server openssh-client nmap python3

Exit status: 0 recorded, 1 something failed while recording, 2 wrong usage or something is missing.
USAGE
}

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# ---------------------------------------------------------------------------------------------------------------------
# What must be there
# ---------------------------------------------------------------------------------------------------------------------

refuse() {
    echo "record.sh: $*" >&2
    exit 2
}

case ${1-} in
    -h | --help)
        usage
        exit 0
        ;;
    tunnel | vpc | turbo) models=("$1") ;;
    all) models=(tunnel vpc turbo) ;;
    *)
        usage >&2
        exit 2
        ;;
esac
[[ $# -le 2 ]] || refuse "too many arguments; see record.sh --help"
out=${2:-$here}
[[ -d $out && -w $out ]] || refuse "cannot write to the folder $out"
[[ $(uname -s) == Linux ]] || refuse "needs Linux (network namespaces)"
[[ $(id -u) == 0 ]] || refuse "needs root (network namespaces, raw capture)"

missing=()
for tool in ip bridge ethtool nft sysctl ping tcpdump dumpcap capinfos nginx openssl curl dnsmasq dig chronyd sshd ssh \
    ssh-keygen nmap python3; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
[[ ${#missing[@]} -eq 0 ]] || refuse "missing programs: ${missing[*]}; the packages are in record.sh --help"

# ---------------------------------------------------------------------------------------------------------------------
# Cleaning up: only namespaces and processes of this run
# ---------------------------------------------------------------------------------------------------------------------

prefix=sgrec$$
work=$(mktemp -d)
namespaces=()
jobs_started=()

tear_down() {
    local pid ns
    for pid in ${jobs_started[@]+"${jobs_started[@]}"}; do
        kill "$pid" 2>/dev/null || true
    done
    for ns in ${namespaces[@]+"${namespaces[@]}"}; do
        for pid in $(ip netns pids "$ns" 2>/dev/null); do
            kill "$pid" 2>/dev/null || true
        done
        ip netns del "$ns" 2>/dev/null || true
    done
    namespaces=()
    jobs_started=()
    wait 2>/dev/null || true
}

finish() {
    local status=$?
    trap - EXIT INT TERM
    tear_down
    rm -rf -- "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM

say() { printf '%s: %s\n' "${model:-record.sh}" "$*" >&2; }

# on HOST COMMAND...: run a program on a host, wait for it.
on() {
    local host=$1
    shift
    ip netns exec "$prefix-$host" "$@"
}

# start HOST COMMAND...: run a program on a host, in the background until the end. Its process id is in $started.
start() {
    local host=$1
    shift
    ip netns exec "$prefix-$host" "$@" >>"$work/log" 2>&1 </dev/null &
    started=$!
    jobs_started+=("$started")
}

# try HOST COMMAND...: a client whose failure is part of the story (a refused port, a scan); never waits for long.
try() {
    local host=$1
    shift
    ip netns exec "$prefix-$host" timeout 12 "$@" >>"$work/log" 2>&1 </dev/null || true
}

# ---------------------------------------------------------------------------------------------------------------------
# The network
# ---------------------------------------------------------------------------------------------------------------------

gateway=192.168.0.1

new_host() {
    local ns=$prefix-$1
    ip netns add "$ns"
    namespaces+=("$ns")
    ip -n "$ns" link set lo up
    on "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
        net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.icmp_ratelimit=0 \
        net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
}

# Packets are to look as on a wire: no checksum left to hardware, no segment larger than the MTU.
plain_wire() {
    on "$1" ethtool -K "$2" tx off sg off tso off gso off gro off >/dev/null 2>&1 || true
}

# wire HOST NIC MAC PEER PEERNIC: a cable between two hosts.
wire() {
    ip -n "$prefix-$1" link add "$2" address "$3" type veth peer name "$5" netns "$prefix-$4"
    plain_wire "$1" "$2"
    plain_wire "$4" "$5"
    ip -n "$prefix-$1" link set "$2" up
    ip -n "$prefix-$4" link set "$5" up
}

# in_vpc HOST NUMBER ADDRESS: give a host a NIC in the VPC, that is a port of the bridge in the namespace "fabric".
in_vpc() {
    local host=$1 number=$2 address=$3
    new_host "$host"
    wire "$host" eth0 "$(printf 'fa:16:3e:00:00:%02x' "$number")" fabric "p$number"
    ip -n "$prefix-fabric" link set "p$number" master vpc
    ip -n "$prefix-$host" address add "$address" dev eth0
}

# ula HOST LAST: IPv6 for the few hosts that have it.
ula() {
    on "$1" sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv6.conf.eth0.router_solicitations=0 \
        net.ipv6.conf.eth0.disable_ipv6=0
    ip -n "$prefix-$1" address add "fd00:192:168::$2/64" dev eth0 nodad
}

# outside HOST NUMBER ADDRESS...: a host beyond the gateway.
outside() {
    local host=$1 number=$2 address
    shift 2
    new_host "$host"
    wire "$host" eth0 "$(printf 'fa:16:3e:00:01:%02x' "$number")" gateway "o$number"
    for address in "$@"; do
        ip -n "$prefix-$host" address add "$address/32" dev eth0
        ip -n "$prefix-gateway" route add "$address/32" dev "o$number"
    done
    ip -n "$prefix-$host" route add "$gateway/32" dev eth0
    ip -n "$prefix-$host" route add default via "$gateway" dev eth0
}

# Pods, all models: name, node number, address.
pods=("pod-a1 1 10.0.1.5" "pod-a2 1 10.0.1.6" "pod-b1 2 10.0.2.5" "pod-b2 2 10.0.2.6" "pod-c1 3 10.0.3.5")

# What a Service address means is settled before a packet reaches any NIC.
service_addresses() {
    on "$1" nft -f - <<'NFT'
table ip services {
    chain output {
        type nat hook output priority -100;
        ip daddr 10.247.0.1 tcp dport 443 dnat to 192.168.0.10:5444
        ip daddr 10.247.3.10 udp dport 53 dnat to 10.0.2.6:5353
        ip daddr 10.247.3.10 tcp dport 53 dnat to 10.0.2.6:5353
    }
}
NFT
}

# NodePorts on every node, externalTrafficPolicy Cluster: the second hop leaves with the node as its source.
node_ports() {
    on "$1" nft -f - <<'NFT'
table ip nodeports {
    chain prerouting {
        type nat hook prerouting priority -100;
        tcp dport 30080 dnat to 10.0.2.5:8080
        udp dport 30053 dnat to 10.0.2.6:5353
        udp dport 30077 dnat to 10.0.2.5:7777
    }
    chain postrouting {
        type nat hook postrouting priority 100;
        ct status dnat masquerade
    }
}
NFT
}

# leaving_pods HOST CONDITION: source NAT for pod traffic that leaves the node, where the model does that.
leaving_pods() {
    on "$1" nft add table ip leaving
    on "$1" nft 'add chain ip leaving postrouting { type nat hook postrouting priority 100; }'
    on "$1" nft "add rule ip leaving postrouting oifname eth0 ip saddr 10.0.0.0/16 $2 masquerade"
}

common_network() {
    new_host fabric
    ip -n "$prefix-fabric" link add vpc type bridge stp_state 0 mcast_snooping 0
    ip -n "$prefix-fabric" link set vpc up

    in_vpc gateway 1 $gateway/16
    on gateway sysctl -qw net.ipv4.ip_forward=1
    outside office 1 203.0.113.10
    outside stranger 2 198.51.100.66
    outside foreign 3 172.20.0.9
    outside cloud 4 100.125.1.250 100.125.1.123 100.125.2.2 100.125.0.77
    # A narrow link to the office, so that a large packet meets "fragmentation needed" on its way.
    ip -n "$prefix-gateway" link set o1 mtu 1400
    ip -n "$prefix-office" link set eth0 mtu 1400

    in_vpc master-1 10 192.168.0.10/16
    in_vpc node-1 21 192.168.0.21/16
    in_vpc node-2 22 192.168.0.22/16
    in_vpc node-3 23 192.168.0.23/16
    in_vpc vm 50 192.168.5.50/16

    local host n
    for host in master-1 node-1 node-2 node-3 vm; do
        ip -n "$prefix-$host" route add default via $gateway
    done
    ula master-1 10
    ula node-1 21
    ula node-2 22
    ula vm 50
    for n in 1 2 3; do
        on "node-$n" sysctl -qw net.ipv4.ip_forward=1
        node_ports "node-$n"
    done
}

# Pods behind their node: a routed veth each, addresses visible in the VPC, which has a route for each node's range.
network_vpc() {
    local name node address n host
    for n in 1 2 3; do
        for host in master-1 node-1 node-2 node-3 vm gateway; do
            [[ $host == "node-$n" ]] || ip -n "$prefix-$host" route add "10.0.$n.0/24" via "192.168.0.2$n"
        done
        # Private destinations see the pod itself; the rest sees the node.
        leaving_pods "node-$n" 'ip daddr != { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 }'
    done
    for pod in "${pods[@]}"; do
        read -r name node address <<<"$pod"
        new_host "$name"
        wire "$name" eth0 "$(pod_mac "$address")" "node-$node" "$name"
        ip -n "$prefix-$name" address add "$address/32" dev eth0
        ip -n "$prefix-$name" route add 169.254.1.1 dev eth0
        ip -n "$prefix-$name" route add default via 169.254.1.1
        ip -n "$prefix-node-$node" address add 169.254.1.1/32 dev "$name"
        ip -n "$prefix-node-$node" route add "$address" dev "$name"
        service_addresses "$name"
    done
}

# Pods on a bridge of their node, the bridges joined by VXLAN; the master has a leg in the overlay, for webhooks.
network_tunnel() {
    local name node address n host peer
    local hosts=("master-1 192.168.0.10" "node-1 192.168.0.21" "node-2 192.168.0.22" "node-3 192.168.0.23")
    for entry in "${hosts[@]}"; do
        read -r host address <<<"$entry"
        n=$((${host#*-} * 1))
        ip -n "$prefix-$host" link add overlay type vxlan id 4096 dstport 4789 local "$address" dev eth0
        plain_wire "$host" overlay
        for peer in "${hosts[@]}"; do
            [[ $peer == "$entry" ]] ||
                on "$host" bridge fdb append 00:00:00:00:00:00 dev overlay dst "${peer#* }"
        done
        ip -n "$prefix-$host" link set overlay up
        if [[ $host == master-1 ]]; then
            ip -n "$prefix-$host" address add 10.0.0.1/16 dev overlay
            continue
        fi
        ip -n "$prefix-$host" link add pods address "0a:58:0a:00:0$n:01" mtu 1450 type bridge mcast_snooping 0
        plain_wire "$host" pods
        ip -n "$prefix-$host" link set overlay master pods
        ip -n "$prefix-$host" link set pods up
        ip -n "$prefix-$host" address add "10.0.$n.1/16" dev pods
        leaving_pods "$host" ''
    done
    for pod in "${pods[@]}"; do
        read -r name node address <<<"$pod"
        new_host "$name"
        wire "$name" eth0 "$(pod_mac "$address")" "node-$node" "$name"
        ip -n "$prefix-$name" link set eth0 mtu 1450
        ip -n "$prefix-node-$node" link set "$name" mtu 1450
        ip -n "$prefix-node-$node" link set "$name" master pods
        ip -n "$prefix-$name" address add "$address/16" dev eth0
        ip -n "$prefix-$name" route add default via "10.0.$node.1"
        service_addresses "$name"
    done
}

# Each pod has a NIC of its own in the VPC. On the node's NIC that would be a VLAN; the tags are added after recording.
network_turbo() {
    local name node address host number=100
    for host in master-1 node-1 node-2 node-3 vm gateway; do
        ip -n "$prefix-$host" route add 10.0.0.0/16 dev eth0
    done
    tags=()
    for pod in "${pods[@]}"; do
        read -r name node address <<<"$pod"
        number=$((number + 1))
        in_vpc "$name" $number "$address/16"
        ip -n "$prefix-$name" route add 192.168.0.0/16 dev eth0
        ip -n "$prefix-$name" route add default via $gateway dev eth0
        service_addresses "$name"
        tags+=("$(printf 'fa:16:3e:00:00:%02x=%d' $number $((node * 100 + ${name: -1})))")
    done
}

# Container networks derive a pod's MAC from its address: 0a:58 and the four bytes.
pod_mac() {
    local a b c d
    IFS=. read -r a b c d <<<"$1"
    printf '0a:58:%02x:%02x:%02x:%02x' "$a" "$b" "$c" "$d"
}

# ---------------------------------------------------------------------------------------------------------------------
# The programs that answer
# ---------------------------------------------------------------------------------------------------------------------

# web HOST LISTEN...: nginx with the given listen directives. /watch trickles, as an apiserver's watch or a log does.
web() {
    local host=$1 listen
    shift
    mkdir -p "$work/nginx-$host"
    {
        echo "daemon off; master_process off; worker_processes 1; pid $work/nginx-$host/pid; error_log $work/log;"
        echo 'events { worker_connections 64; }'
        echo "http { access_log off; keepalive_timeout 120; default_type text/plain;"
        echo "client_body_temp_path $work/nginx-$host/a; proxy_temp_path $work/nginx-$host/b;"
        echo "fastcgi_temp_path $work/nginx-$host/c; uwsgi_temp_path $work/nginx-$host/d;"
        echo "scgi_temp_path $work/nginx-$host/e;"
        echo "ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem; ssl_session_tickets off;"
        echo "server { root $work/www;"
        for listen in "$@"; do echo "listen $listen;"; done
        echo 'location /watch { limit_rate 100; } } }'
    } >"$work/nginx-$host.conf"
    start "$host" nginx -e "$work/log" -c "$work/nginx-$host.conf"
}

secrets() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=sgsim.test \
        -keyout "$work/key.pem" -out "$work/cert.pem" 2>>"$work/log"
    ssh-keygen -q -t ed25519 -N '' -f "$work/hostkey"
    ssh-keygen -q -t ed25519 -N '' -f "$work/userkey"
    cp "$work/userkey.pub" "$work/authorized"
    chmod 600 "$work/authorized"
    mkdir -p "$work/www"
    echo '{"kind":"Status","status":"Success"}' >"$work/www/index.html"
    head -c 12000 /dev/urandom >"$work/www/layer"
    yes '{"type":"MODIFIED"}' | head -c 9000 >"$work/www/watch" || true
}

servers() {
    local n
    web master-1 '5443 ssl' '5444 ssl' '8445 ssl' '9443 ssl'
    for n in 1 2 3; do
        web "node-$n" '10250 ssl'
        cat >"$work/sshd-$n" <<SSHD
Port 22
HostKey $work/hostkey
AuthorizedKeysFile $work/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin yes
UseDNS no
SSHD
        mkdir -p /run/sshd
        start "node-$n" "$(command -v sshd)" -D -e -f "$work/sshd-$n"
    done
    web pod-a2 8080 '8443 ssl'
    web pod-b1 8080 '8443 ssl'
    start pod-b1 python3 "$here/lib/udp.py" echo 7777
    start pod-b2 dnsmasq -k -p 5353 --conf-file=/dev/null --no-resolv --no-hosts --cache-size=0 --pid-file= \
        --user=root --server=100.125.1.250 --address=/cluster.local/10.247.0.1
    web vm 8080
    web office 8080
    web cloud '100.125.2.2:443 ssl' '100.125.2.2:6443 ssl'
    start cloud dnsmasq -k --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --user=root \
        --listen-address=100.125.1.250 --bind-interfaces --address=/test/100.125.2.2
    cat >"$work/chrony.conf" <<CHRONY
local stratum 8
allow all
bindaddress 100.125.1.123
cmdport 0
pidfile $work/chrony.pid
CHRONY
    # -x: never touch this machine's clock.
    start cloud chronyd -d -x -u root -f "$work/chrony.conf"
    sleep 1.5
}

# ---------------------------------------------------------------------------------------------------------------------
# The programs that ask
# ---------------------------------------------------------------------------------------------------------------------

tls() { # HOST ADDRESS PORT [PATH]: one HTTPS request
    try "$1" curl -sk --http1.1 --max-time 5 "https://$2:$3/${4-}"
}

http() { # HOST ADDRESS PORT [CURL OPTION...]
    local host=$1 address=$2 port=$3
    shift 3
    try "$host" curl -s --max-time 5 "$@" "http://$address:$port/"
}

dns() { # HOST SERVER PORT [DIG OPTION...]
    local host=$1 server=$2 port=$3
    shift 3
    try "$host" dig +tries=1 +time=2 "$@" -p "$port" "@$server" obs.region.test A
}

echo_request() { # HOST ADDRESS [PING OPTION...]
    local host=$1 address=$2
    shift 2
    try "$host" ping -n -c 2 -i 0.2 -W 1 "$@" "$address"
}

ssh_to() { # HOST ADDRESS KEY
    try "$1" ssh -F none -i "$work/$3" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/dev/null \
        -o KexAlgorithms=curve25519-sha256 "root@$2" true
}

udp() { # HOST ADDRESS PORT BYTES: one datagram; waits a moment for an answer or an error
    try "$1" python3 "$here/lib/udp.py" send "$2" "$3" "$4"
}

# Connections that are open before the capture begins. Fixed client ports, so that the expected verdicts can name them.
already_open() {
    # The server speaks first in the capture: exec/logs of the kubelet, a watch of the apiserver.
    start master-1 curl -skN --local-port 45010 https://192.168.0.21:10250/watch
    ending=("$started")
    start node-2 curl -skN --local-port 45022 https://192.168.0.10:5443/watch
    start pod-a2 curl -skN --local-port 45106 https://10.0.2.5:8443/watch
    # The client speaks first in the capture.
    start node-1 python3 "$here/lib/keepalive.py" 45021 192.168.0.10 5443
    start vm python3 "$here/lib/keepalive.py" 45050 192.168.0.21 10250
    ending+=("$started")
    sleep 2.2
}

control_plane() {
    local n
    for n in 1 2 3; do
        tls master-1 "192.168.0.2$n" 10250
        tls "node-$n" 192.168.0.10 5443
    done
    tls master-1 192.168.0.21 10250
    tls node-1 192.168.0.22 10250 # as metrics-server on the host network does
    tls node-1 192.168.0.10 5443
    tls node-1 192.168.0.10 5444
    tls node-2 192.168.0.10 5444
    tls node-1 192.168.0.10 8445
    tls node-2 192.168.0.10 8445
    tls node-1 192.168.0.10 9443
    tls node-3 192.168.0.10 9443
    tls node-1 192.168.0.10 6443 # nobody listens: refused
    # Pods, by Service address and directly.
    tls pod-a1 10.247.0.1 443
    tls pod-c1 10.247.0.1 443
    tls pod-a1 192.168.0.10 9443
    tls pod-a1 192.168.0.22 10250
    # The wrong callers, and some right ones from far away.
    tls vm 192.168.0.21 10250
    tls vm 192.168.0.10 5444
    tls vm 192.168.0.10 5443
    tls office 192.168.0.10 5443
    tls office 192.168.0.10 8445
    tls foreign 192.168.0.10 5443
    tls foreign 192.168.0.10 5444
    tls stranger 192.168.0.10 5444
    tls stranger 192.168.0.22 10250
}

workloads() {
    http pod-a1 10.0.2.5 8080
    tls pod-a1 10.0.2.5 8443
    http pod-c1 10.0.2.5 8080
    http pod-a1 10.0.1.6 8080 # same node
    echo_request pod-a1 10.0.2.5
    echo_request pod-a1 10.0.1.6
    dns pod-a1 10.247.3.10 53
    dns pod-c1 10.247.3.10 53
    dns pod-a1 10.247.3.10 53 +tcp
    http node-1 10.0.2.5 8080 # a probe from another node
    tls master-1 10.0.2.5 8443 # a webhook
    http pod-a1 192.168.5.50 8080
    http pod-a1 203.0.113.10 8080
    case $model in
        # A stranger's VXLAN packet (an unknown VNI, so the node throws it away): 4789 is open to all in this model.
        tunnel) udp stranger 192.168.0.21 4789 vxlan ;;
        vpc | turbo)
            http vm 10.0.2.5 8080
            echo_request pod-a1 192.168.0.22
            echo_request node-1 10.0.2.5
            ;;
    esac
    if [[ $model == turbo ]]; then
        http stranger 10.0.2.5 8080
    fi
}

node_ports_and_balancer() {
    local n
    http office 192.168.0.21 30080
    http office 192.168.0.21 30080
    http vm 192.168.0.21 30080
    http stranger 192.168.0.22 30080
    for n in 1 2 3; do
        http cloud "192.168.0.2$n" 30080 --interface 100.125.0.77
    done
    http cloud 192.168.0.21 30080 --interface 100.125.0.77
    dns office 192.168.0.21 30053
    dns cloud 192.168.0.21 30053 -b 100.125.0.77
    udp office 192.168.0.21 30077 3000 # three fragments, and again on the second hop
    udp office 192.168.0.21 31999 20   # a NodePort nobody has: port unreachable
    udp stranger 192.168.0.21 161 20   # nobody wanted that
}

cloud_services() {
    dns node-1 100.125.1.250 53
    dns node-1 100.125.1.250 53
    dns node-1 100.125.1.250 53 +tcp
    dns node-2 100.125.1.250 53
    dns pod-a1 100.125.1.250 53
    dns master-1 100.125.1.250 53
    dns vm 100.125.1.250 53
    tls node-1 100.125.2.2 443 layer
    tls node-2 100.125.2.2 443 layer
    tls node-3 100.125.2.2 6443
}

people_and_errors() {
    ssh_to office 192.168.0.21 userkey
    ssh_to vm 192.168.0.22 userkey
    ssh_to stranger 192.168.0.21 hostkey # key exchange, then refused
    udp node-1 192.168.0.22 9999 20       # port unreachable
    echo_request node-1 203.0.113.10 -s 1460 -M want # fragmentation needed: the office's link is narrow
    echo_request node-2 100.125.1.250 -t 1 # time exceeded at the gateway
}

# Later than any time-out of ICMP after the start of the capture, so that no request can pass for an old acquaintance.
pings() {
    echo_request node-1 192.168.0.22
    echo_request node-1 192.168.0.22 -s 4000 # three fragments each
    echo_request node-1 192.168.0.10
    echo_request master-1 192.168.0.21
    echo_request office 192.168.0.21
    echo_request cloud 192.168.0.21 -I 100.125.0.77
    echo_request stranger 192.168.0.21
    echo_request stranger 192.168.0.22 -s 4000
    echo_request vm 192.168.0.21
    [[ $model == tunnel ]] || echo_request pod-a1 192.168.0.10
    echo_request node-1 fd00:192:168::22
    echo_request vm fd00:192:168::21
    udp stranger 192.168.0.21 162 20
}

scan() {
    local ports=21-23,25,53,80,110,111,135,139,143,443,445,993,2375,2376,2379,2380,3306,3389,4194,5432
    ports+=,5443,5444,5900,6379,6443,8080,8443,8445,9090,9100,9443,10248,10250,10255,10256,27017,30000,30080,32767,32768
    try stranger nmap -n -Pn -sS --max-retries 0 -T4 -p "$ports" 192.168.0.21
    try stranger nmap -n -Pn -sT --max-retries 0 -T4 -p "$ports" 192.168.0.10
}

# ---------------------------------------------------------------------------------------------------------------------
# One recording
# ---------------------------------------------------------------------------------------------------------------------

# The capture point is the bridge of the VPC, promiscuous: it sees every frame once, when it enters the bridge.
begin_capture() {
    : >"$work/recorder"
    local command=(tcpdump -Z root -U -i vpc -w "$work/raw")
    case $model in
        vpc) command=(dumpcap -q -i vpc -w "$work/raw") ;; # tcpdump does not write pcapng
        turbo) command+=(--time-stamp-precision=nano) ;;
    esac
    ip netns exec "$prefix-fabric" "${command[@]}" 2>"$work/recorder" &
    recorder=$!
    jobs_started+=("$recorder")
    for _ in $(seq 50); do
        grep -qiE 'listening|capturing|file:' "$work/recorder" && return
        sleep 0.1
    done
    cat "$work/recorder" >&2
    say 'the recorder did not start'
    exit 1
}

forget_neighbours() {
    local ns
    for ns in "${namespaces[@]}"; do
        ip -n "$ns" neigh flush all 2>/dev/null || true
    done
}

record() {
    model=$1
    local file=$2 host clocks=()
    say 'building the network'
    rm -rf -- "${work:?}"/*
    secrets
    common_network
    "network_$model"
    servers
    say 'opening the connections that come first'
    already_open
    begin_capture
    local begun=$SECONDS
    say 'recording'
    sleep 1
    # The time service runs beside the rest, it takes its time. -Q: ask, and leave the clock alone.
    for host in node-1 node-2; do
        start "$host" chronyd -Q -t 10 -u root 'server 100.125.1.123 iburst maxsamples 4' \
            "pidfile $work/ntp-$host" 'cmdport 0'
        clocks+=("$started")
    done
    forget_neighbours
    control_plane
    sleep 1
    workloads
    sleep 1
    node_ports_and_balancer
    cloud_services
    sleep 1
    people_and_errors
    scan
    wait "${clocks[@]}" || true
    while ((SECONDS < begun + 33)); do sleep 0.5; done
    pings
    kill "${ending[@]}" # two of the old connections end, the others outlive the capture
    sleep 1
    kill -INT "$recorder"
    wait "$recorder" || true
    if [[ $model == turbo ]]; then
        python3 "$here/lib/tag.py" "$work/raw" "$work/tagged" "${tags[@]}"
        mv "$work/tagged" "$work/raw"
    fi
    install -m 644 "$work/raw" "$out/$file"
    say "wrote $file: $(capinfos -Mc "$out/$file" | sed -n 's/^Number of packets: *//p') packets"
    tear_down
}

for model in "${models[@]}"; do
    case $model in
        tunnel) record tunnel cce-tunnel.pcap ;;
        vpc) record vpc cce-vpc.pcapng ;;
        turbo) record turbo cce-turbo.pcap ;;
    esac
done
