// The rack that is handed any bytes: everything that the configuration can say of a network is said of one, the wire is asked about
// addresses, and the disk and the wire answer when they like.

import assert from 'node:assert/strict';
import { formatProblems } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { FindConflict } from '../../src/dhcp/conflicts/conflict-check.ts';
import type { DhcpConfig } from '../../src/dhcp/networks/config.ts';
import { type Ipv4, type MacAddress, mac } from '../../src/net/address.ts';
import { MAC_B } from '../dhcp/lab.ts';
import { hw, ip } from '../support/lab-facts.ts';

const PRINTER = '52:54:00:00:01:10';
const ABSENT = '52:54:00:00:09:09';

/** Two networks on one interface, two behind relays that are one shared network, and one in proxy mode. */
const FILE = `
dhcp:
  options:
    - { name: tz-database-timezone, value: Europe/Berlin }
    - { code: 224, type: text, value: for all, force: true }
cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    network: 10.20.0.0/24
    router_ip: 10.20.0.254
    ip_range_low: 10.20.0.100
    ip_range_high: 10.20.0.109
    static_ip_range_low: 10.20.0.10
    static_ip_range_high: 10.20.0.99
    authoritative: yes
    lease_time: 60
    options:
      - { name: classless-static-routes, value: [[10.9.0.0/16, 10.20.0.253]], when: { vendor_class: "udhcp*" } }
      - { name: domain-search, value: [lab.example, dc1.lab.example], when: { user_class: iPXE, architecture: [0, 7] } }
      - { code: 43, type: hex, value: "f1040a140005", when: { vendor_class: "PXEClient*" } }
      - { name: boot-file-name, value: other.efi, when: { architecture: 16 } }
    hosts:
      - { mac: "${PRINTER}", ip: 10.20.0.20, hostname: printer, options: [{ code: 225, type: u32, value: 7, force: true }] }
      - { mac: "${ABSENT}", ip: 10.20.0.107 }
  - name: second
    interface: eth1
    ip: 10.22.0.1
    network: 10.22.0.0/24
    ip_range_low: 10.22.0.100
    ip_range_high: 10.22.0.109
    identity: client-id
    authoritative: yes
    t1: 20
    t2: 50
    lease_time: 90
    hosts: [{ mac: "${ABSENT}", client_id: printer, ip: 10.22.0.20 }]
  - name: far
    relayed: true
    shared: hall
    network: 10.30.0.0/24
    router_ip: 10.30.0.1
    ip_range_low: 10.30.0.100
    ip_range_high: 10.30.0.109
    dns_servers: [10.20.0.1]
    lease_time_min: 30
    lease_time_max: 1h
    options: [{ name: log-servers, value: [10.30.0.9], force: true, when: { circuit_id: "eth*" } }]
  - name: farther
    relayed: true
    shared: hall
    network: 10.31.0.0/24
    router_ip: 10.31.0.1
    ip_range_low: 10.31.0.100
    ip_range_high: 10.31.0.103
    dns_servers: [10.20.0.1]
    identity: client-id
  - { name: proxied, interface: eth2, ip: 10.21.0.1, network: 10.21.0.0/24, mode: proxy }
`;

function resolve(): DhcpConfig {
  const parsed = parseConfig(FILE);
  if (!parsed.ok) assert.fail(formatProblems('any-bytes', parsed.problems));
  return parsed.config.dhcp;
}

export const ANY_BYTES_CONFIG = resolve();

/** The only client that may get an address. */
export interface Owner {
  readonly mac: MacAddress;
  readonly clientId?: string;
}
export const FIXED: ReadonlyMap<Ipv4, Owner> = new Map([
  [ip('10.20.0.30'), { mac: MAC_B }],
  [ip('10.20.0.20'), { mac: hw(PRINTER) }],
  [ip('10.20.0.107'), { mac: hw(ABSENT) }],
  [ip('10.22.0.20'), { mac: hw(ABSENT), clientId: 'printer' }],
]);
/** Dynamic and fixed addresses of all networks. */
export const ADDRESSES_MAX = 10 + 10 + 10 + 4 + FIXED.size;

/** The wire, which answers probes on command. */
export class AskedWire {
  readonly #asked: ((user: MacAddress | undefined) => void)[] = [];

  readonly find: FindConflict = () => new Promise((answer) => this.#asked.push(answer));

  /** Questions without an answer. */
  get asked(): number {
    return this.#asked.length;
  }

  /** Answers the oldest question: one in `oneIn` times by a host that uses the address. */
  answer(random: (below: number) => number, oneIn: number): void {
    this.#asked.shift()?.(random(oneIn) === 0 ? mac(0x0200_0000_0000 + random(3)) : undefined);
  }
}
