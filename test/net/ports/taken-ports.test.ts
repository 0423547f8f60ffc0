// The programs that have the ports of a rack: each is one clause with its places, and the remedy fits the program.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../../src/ground/address.ts';
import {
  composePortRemedy,
  describePortConflict,
  formatPorts,
  isHarmless,
  type PortConflict,
} from '../../../src/net/ports/taken-ports.ts';

const ADDRESS = ipv4(0x0a140001);
const DNS = { protocol: 'UDP', address: ADDRESS, port: 53, setting: 'dns.listen' } as const;
const DHCP = { protocol: 'UDP', address: ipv4(0), port: 67, setting: 'cluster_interfaces', device: 'eth1' } as const;
const TFTP = { ...DNS, port: 69, setting: 'tftp.listen' } as const;
const HTTP = { ...DNS, protocol: 'TCP', port: 80, setting: 'boot.http.listen', isOptional: true } as const;

const owner = (
  name: string,
  unit: string | undefined,
  ports: PortConflict['ports'] = [DNS],
  words: readonly string[] = [],
): PortConflict => ({ process: { pid: 7, name, unit, commandLine: words }, uid: 0, ports });

const FIXES: readonly (readonly [what: string, stranger: PortConflict, fix: RegExp])[] = [
  ['a service', owner('coredns', 'coredns.service'), /^sudo systemctl disable --now coredns\.service$/],
  ["a person's program", owner('python3', undefined), /^sudo kill 7$/],
  [
    'the stub of systemd',
    owner('systemd-resolved', 'systemd-resolved.service'),
    /^free [\s\S]*DNSStubListener=no[\s\S]*ln -sf \/run\/systemd\/resolve\/resolv\.conf[\s\S]*restart systemd-resolved$/,
  ],
  [
    'a network of libvirt',
    owner('dnsmasq', 'libvirtd.service', [DHCP]),
    /^it serves a network of libvirt: .*virsh net-destroy/,
  ],
  [
    'a network of libvirt without systemd',
    owner('dnsmasq', undefined, [DHCP], ['/usr/sbin/dnsmasq', '--conf-file=/var/lib/libvirt/dnsmasq/default.conf']),
    /^it serves a network of libvirt/,
  ],
  ['a shared connection', owner('dnsmasq', 'NetworkManager.service', [DHCP]), /^it is a part of NetworkManager: /],
  ['the DHCP server of networkd', owner('systemd-networkd', 'systemd-networkd.service', [DHCP]), /^set DHCPServer=no/],
  ['a port of a container', owner('docker-proxy', 'docker.service'), /^sudo docker ps --filter publish=53 /],
  [
    'dnsmasq',
    owner('dnsmasq', 'dnsmasq.service', [DHCP, DNS]),
    /^sudo systemctl disable --now dnsmasq\.service\nor, .*bind-dynamic and except-interface=eth1 in \/etc\/dnsmasq\.conf/,
  ],
  [
    'BIND',
    owner('named', 'named.service'),
    /^sudo systemctl disable --now named\.service\nor, .*listen-on \{ !10\.20\.0\.1; any; \};/,
  ],
  [
    'tftpd-hpa',
    owner('in.tftpd', 'tftpd-hpa.service', [TFTP]),
    /^sudo systemctl disable --now tftpd-hpa\.service\n.*boot\.tree/,
  ],
  [
    'a web server',
    owner('nginx', 'nginx.service', [HTTP]),
    /^sudo systemctl disable --now nginx\.service\nor, to keep it: /,
  ],
  ['an unseen process', { process: undefined, uid: 33, ports: [DNS] }, /sudo ss -lunp 'sport = :53'/],
  ['an unseen process on TCP', { process: undefined, uid: 33, ports: [HTTP] }, /sudo ss -ltnp 'sport = :80'/],
];
for (const [what, stranger, fix] of FIXES)
  test(`the remedy for ${what} frees the port and stops nothing else`, () =>
    assert.match(composePortRemedy(stranger), fix));

test('all ports of a program are one clause', () => {
  const ports = [DHCP, TFTP, DNS, { ...DNS, protocol: 'TCP' as const }];
  const stranger = owner('dnsmasq', 'dnsmasq.service', ports);
  assert.equal(formatPorts(stranger), 'port 67, 69, 53');
  assert.equal(
    describePortConflict(stranger),
    '0.0.0.0:67 on eth1 (UDP), 10.20.0.1:69 (UDP), 10.20.0.1:53 (UDP, TCP), which cluster_interfaces, tftp.listen, dns.listen need, ' +
      'belong to dnsmasq (process 7, dnsmasq.service): stop it, or change cluster_interfaces, tftp.listen, dns.listen',
  );
});

test('a program at a port that the rack can do without does not keep it from starting', () => {
  const stranger = owner('nginx', 'nginx.service', [HTTP]);
  assert.equal(isHarmless(stranger), true);
  assert.match(describePortConflict(stranger), /belongs to nginx .*: the rack goes on without/);
  assert.equal(isHarmless(owner('caddy', undefined, [HTTP, DNS])), false);
});
