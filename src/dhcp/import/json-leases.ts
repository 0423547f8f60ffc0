// Leases in JSON, as DHCP servers' APIs and state files have them: any object with the keys of one
// of these. What else is in a list of leases is reported.
//
//   Kea              the answer of `lease4-get-all`, `lease4-get-page` …: `ip-address`, `hw-address`, `cltt`, `valid-lft`
//   systemd-networkd /var/lib/systemd/network/dhcp-server-lease/INTERFACE (since 256),
//   `networkctl --json`: `Address` and others as lists of bytes
//   odhcpd           `ubus call dhcp ipv4leases`: `address`, `mac` as 12 digits, `valid` in seconds from now
//   AdGuard Home     data/leases.json: `ip`, `mac`, `expires` (RFC 3339), `static`
//   libvirt          /var/lib/libvirt/dnsmasq/BRIDGE.status: `ip-address`, `mac-address`, `expiry-time` as in dnsmasq's file
//
// Sources: the Kea Administrator Reference Manual, "lease_cmds"; sd-dhcp-server-lease.c of systemd
// 257; ubus.c of odhcpd; db.go of AdGuard Home; leaseshelper.c of libvirt.
//
// 1. A document within DOCUMENT_BOUNDS is parsed whole; `line` is the lease's number.

import { parseIpv4 } from '../../ground/address.ts';
import { composeJsonFaultText, type JsonBounds, readBoundedJson } from '../../ground/json-excess.ts';
import { ENDLESS_SECONDS, type LeaseState } from '../leases/lease.ts';
import {
  type FileEntry,
  type ForeignLease,
  leaseEntry,
  macOfClientId,
  parseClientMac,
  parseOctets,
  problemAt,
} from './foreign-lease.ts';
import { KEA_STATES, parseRelayContext } from './kea.ts';

/** A lease's greatest depth. */
const DEPTH_MAX = 8;
/** Ample for 200 000 leases. */
export const DOCUMENT_CHARACTERS_MAX = 64 * 1024 * 1024;
const DOCUMENT_BOUNDS: JsonBounds = { depthMax: 2 * DEPTH_MAX, valuesMax: 8_000_000 };

type JsonObject = Readonly<Record<string, unknown>>;

interface Written {
  readonly address: string;
  readonly mac: string;
  readonly clientId: string;
  readonly hostname: unknown;
  readonly state: LeaseState | 'reservation' | undefined;
  /** Milliseconds since 1970; NaN: unreadable; undefined: never. */
  readonly endsMs: number | undefined;
  readonly grantedMs?: number | undefined;
  readonly context?: unknown;
}

interface Dialect {
  readonly keys: readonly string[];
  readonly read: (lease: JsonObject, wallMs: number) => Written;
}

const DIALECTS: readonly Dialect[] = [
  {
    keys: ['ip-address', 'cltt'],
    read: (lease) => {
      const [granted, lasts] = [Number(lease.cltt), Number(lease['valid-lft'])];
      const state = KEA_STATES[Number(lease.state ?? 0)];
      return {
        address: asText(lease['ip-address']),
        mac: asText(lease['hw-address']),
        clientId: asText(lease['client-id']),
        hostname: lease.hostname,
        state: lasts === 0 && state === 'bound' ? 'released' : state,
        endsMs: lasts === ENDLESS_SECONDS ? undefined : (granted + lasts) * 1000,
        grantedMs: granted * 1000,
        context: lease['user-context'],
      };
    },
  },
  {
    keys: ['Address', 'ClientId'],
    read: (lease) => ({
      address: asText(lease.AddressString) || asBytes(lease.Address).join('.'),
      mac:
        lease.HardwareAddressType === 1 || lease.HardwareAddressType === undefined ? octets(lease.HardwareAddress) : '',
      clientId: octets(lease.ClientId),
      hostname: lease.Hostname,
      state: lease.ExpirationRealtimeUSec === undefined ? 'reservation' : 'bound',
      endsMs: Number(lease.ExpirationRealtimeUSec) / 1000,
    }),
  },
  {
    keys: ['address', 'mac', 'valid'],
    read: (lease, wallMs) => ({
      address: asText(lease.address),
      mac: asText(lease.mac),
      clientId: '',
      hostname: lease.hostname,
      state: 'bound',
      endsMs: lease.valid === -1 ? undefined : wallMs + Number(lease.valid) * 1000,
    }),
  },
  {
    keys: ['ip', 'mac', 'expires'],
    read: (lease) => ({
      address: asText(lease.ip),
      mac: asText(lease.mac),
      clientId: '',
      hostname: lease.hostname,
      state: lease.static === true ? 'reservation' : 'bound',
      endsMs: Date.parse(asText(lease.expires)),
    }),
  },
  {
    keys: ['ip-address', 'expiry-time'],
    read: (lease) => ({
      address: asText(lease['ip-address']),
      mac: asText(lease['mac-address']),
      clientId: asText(lease['client-id']),
      hostname: lease.hostname,
      state: 'bound',
      endsMs: lease['expiry-time'] === 0 ? undefined : Number(lease['expiry-time']) * 1000,
    }),
  },
];

const detectDialect = (value: unknown): Dialect | undefined =>
  typeof value === 'object' && value !== null
    ? DIALECTS.find(({ keys }) => keys.every((key) => Object.hasOwn(value, key)))
    : undefined;

export function* readJsonLeases(lines: Iterable<string>, wallMs: number): Generator<FileEntry, void> {
  let document = '';
  for (const line of lines) {
    document += `${line}\n`;
    if (document.length > DOCUMENT_CHARACTERS_MAX) {
      yield problemAt(1, 'malformed', `the document is larger than ${DOCUMENT_CHARACTERS_MAX} characters`);
      return;
    }
  }
  const json = readBoundedJson(document, DOCUMENT_BOUNDS);
  if (json.kind === 'fault') {
    yield problemAt(1, 'malformed', `the document ${composeJsonFaultText(json.fault)}`);
    return;
  }
  let number = 0;
  for (const lease of leasesIn(json.value, 0, '')) {
    number += 1;
    const written = detectDialect(lease)?.read(Object.fromEntries(Object.entries(lease ?? {})), wallMs);
    yield written === undefined
      ? problemAt(number, 'malformed', JSON.stringify(lease))
      : readLease(written, number, lease);
  }
  if (number === 0) yield problemAt(1, 'malformed', 'no object has the keys of a lease');
}

function* leasesIn(value: unknown, depth: number, name: string): Generator<unknown> {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return;
  if (detectDialect(value) !== undefined) yield value;
  else if (Array.isArray(value) && (/leases$/i.test(name) || value.some(detectDialect))) yield* value;
  else for (const [key, part] of Object.entries(value)) yield* leasesIn(part, depth + 1, key);
}

function readLease(written: Written, line: number, lease: unknown): FileEntry {
  const { state, endsMs, hostname } = written;
  const problem = (reason: Parameters<typeof problemAt>[1]): FileEntry =>
    problemAt(line, reason, JSON.stringify(lease));
  if (written.address.includes(':')) return problem('not-ipv4');
  const address = parseIpv4(written.address);
  if (address === undefined || state === undefined) return problem('malformed');
  if (state === 'reservation') return problem('reservation');
  if (Number.isNaN(endsMs)) return problem('malformed');
  const clientId = parseOctets(written.clientId);
  const mac = parseClientMac(written.mac) ?? macOfClientId(clientId);
  if (mac === undefined && state !== 'declined') return problem(written.mac === '' ? 'no-client' : 'not-ethernet');
  const foreignLease: ForeignLease = {
    line,
    address,
    mac,
    state,
    grantedWallMs: written.grantedMs,
    expiresWallMs: endsMs,
    hostname: asText(hostname) || undefined,
    clientId,
    vendorClass: undefined,
    ...parseRelayContext(written.context),
  };
  return leaseEntry(foreignLease);
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');
const asBytes = (value: unknown): readonly number[] =>
  Array.isArray(value) ? value.map(Number).filter((byte) => byte >= 0 && byte < 256) : [];
const octets = (value: unknown): string =>
  asBytes(value)
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(':');
