"""One of every resource of the vendor that the product uses, wired as the product wires them."""

import pulumi
import pulumi_hcloud as hcloud

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJfRZaRjU2cBO0g1bTnYcDLkKXQWQLS1C0jPcCqKBqb me"
ANYWHERE = ["0.0.0.0/0", "::/0"]

config = pulumi.Config()
protected = config.require_bool("protected")
provider = hcloud.Provider(
    "cloud",
    token=config.require_secret("token"),
    endpoint=config.require("endpoint"),
    poll_interval="50ms",
)
opts = pulumi.ResourceOptions(provider=provider)

key = hcloud.SshKey("key", name="conformance", public_key=KEY, opts=opts)
firewall = hcloud.Firewall(
    "firewall",
    name="web",
    rules=[
        {"direction": "in", "protocol": "tcp", "port": port, "source_ips": ANYWHERE}
        for port in ("22", "443", "8000-8100")
    ]
    + [{"direction": "in", "protocol": "icmp", "source_ips": ANYWHERE}],
    labels={"stack": "test"},
    opts=opts,
)
address = hcloud.PrimaryIp(
    "address",
    name="web",
    type="ipv4",
    assignee_type="server",
    location="nbg1",
    auto_delete=False,
    opts=opts,
)
network = hcloud.Network("network", name="inside", ip_range="10.0.0.0/16", opts=opts)
subnet = hcloud.NetworkSubnet(
    "subnet",
    network_id=network.id.apply(int),
    type="cloud",
    network_zone="eu-central",
    ip_range="10.0.1.0/24",
    opts=opts,
)
group = hcloud.PlacementGroup("group", name="apart", type="spread", opts=opts)
server = hcloud.Server(
    "server",
    name="web",
    server_type=config.require("server_type"),
    image="debian-12",
    location="nbg1",
    ssh_keys=[key.id],
    firewall_ids=[firewall.id.apply(int)],
    public_nets=[{"ipv4_enabled": True, "ipv4": address.id.apply(int), "ipv6_enabled": False}],
    placement_group_id=group.id.apply(int),
    user_data="#cloud-config\nhostname: web\n",
    keep_disk=True,
    delete_protection=protected,
    rebuild_protection=protected,
    labels={"role": "web"},
    opts=opts,
)
attachment = hcloud.ServerNetwork(
    "attachment",
    server_id=server.id.apply(int),
    subnet_id=subnet.id,
    ip="10.0.1.5",
    opts=opts,
)
volume = hcloud.Volume(
    "volume",
    name="data",
    size=10,
    location="nbg1",
    format="ext4",
    delete_protection=protected,
    opts=opts,
)
hcloud.VolumeAttachment(
    "mount",
    volume_id=volume.id.apply(int),
    server_id=server.id.apply(int),
    automount=False,
    opts=opts,
)
zone = hcloud.Zone("zone", name="example.org", mode="primary", ttl=600, opts=opts)
hcloud.ZoneRrset(
    "www",
    zone=zone.name,
    name="www",
    type="A",
    ttl=60,
    records=[{"value": address.ip_address}],
    opts=opts,
)
hcloud.ZoneRrset(
    "txt", zone=zone.name, name="@", type="TXT", records=[{"value": '"v=spf1 -all"'}], opts=opts
)
hcloud.Rdns(
    "rdns",
    primary_ip_id=address.id.apply(int),
    ip_address=address.ip_address,
    dns_ptr="www.example.org",
    opts=opts,
)
balancer = hcloud.LoadBalancer(
    "balancer", name="edge", load_balancer_type="lb11", location="nbg1", opts=opts
)
hcloud.LoadBalancerService(
    "http",
    load_balancer_id=balancer.id,
    protocol="http",
    listen_port=80,
    destination_port=8080,
    opts=opts,
)
hcloud.LoadBalancerService(
    "tls",
    load_balancer_id=balancer.id,
    protocol="tcp",
    listen_port=443,
    destination_port=8443,
    proxyprotocol=True,
    opts=opts,
)
hcloud.LoadBalancerTarget(
    "target",
    type="server",
    load_balancer_id=balancer.id.apply(int),
    server_id=server.id.apply(int),
    opts=opts,
)

pulumi.export("address", address.ip_address)
pulumi.export("server", server.id)
