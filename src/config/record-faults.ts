// What a rack with this configuration would make of `dns.records`, said by the rack's own names
// (`dns/names.ts`). Machines and the addresses that users reserved are unknown here.

import { isDelegated, isEndless } from '../dns/answer.ts';
import type { NamedAddress } from '../dns/configured-records.ts';
import { DNS_EVENTS, type NameReport } from '../dns/events.ts';
import { LocalZones } from '../dns/local-zones.ts';
import { parseName } from '../dns/name.ts';
import { Names } from '../dns/names.ts';
import { RECORD_TYPE_NUMBERS } from '../dns/record-text.ts';
import { Zones } from '../dns/zones.ts';
import { formatIpv4, type Ipv4, networkContains } from '../ground/address.ts';
import type { RackConfig } from './rack-config.ts';

type NamedConfig = Pick<RackConfig, 'clusterInterfaces' | 'dhcp' | 'dns'>;

/** True for an address where this rack manages DNS: on a cluster interface with management 2. */
export const isNamedHere = (address: Ipv4, { clusterInterfaces }: Pick<RackConfig, 'clusterInterfaces'>): boolean =>
  clusterInterfaces.some(({ management, network }) => management === 2 && networkContains(network, address));

/** The names of the reservations in the configuration. */
export const configuredHostNames = (config: Pick<RackConfig, 'clusterInterfaces' | 'dhcp'>): readonly NamedAddress[] =>
  config.dhcp.subnets.flatMap(({ reservations, domain }) =>
    reservations.flatMap(({ hostname, address, domain: own }) =>
      hostname === undefined || own !== undefined || !isNamedHere(address, config)
        ? []
        : [{ fqdn: `${hostname}.${domain}`, address }],
    ),
  );

interface RecordFault {
  /** In `dns.records`. */
  readonly index: number;
  readonly reason: string;
  readonly message: string;
}

interface RecordFaults {
  /** The rack would leave these records out. */
  readonly left: readonly RecordFault[];
  /** These records would take the name of a host or of the rack. */
  readonly taking: readonly RecordFault[];
  /** These are never answered, because their names are delegated. */
  readonly delegated: readonly Omit<RecordFault, 'reason'>[];
  /** Reservations that do not get their name, because the rack has it. */
  readonly nameless: readonly string[];
  /**
   * These aliases lead in a circle unless a machine has the name where they lead: a wildcard that
   * covers its own target.
   */
  readonly circling: readonly Omit<RecordFault, 'reason'>[];
}

/**
 * The names of new reservations that the rack or a record has, or whose record they would end: each
 * with its owner. Machines are unknown here.
 */
export function findNameOwners(config: NamedConfig, wanted: readonly NamedAddress[]): ReadonlyMap<string, string> {
  const { selfName, domains, selfAddresses, records } = config.dns;
  const owners = new Map<string, string>();
  const report = ({ name = '', kind, winner, winnerAddress, type }: NameReport): void => {
    if (kind === 'dns.record-invalid') owners.set(name, `the ${type} record of dns.records`);
    else owners.set(name, winner === 'rack' ? 'the rack' : `the record of ${winnerAddress} in dns.records`);
  };
  const names = new Names({ serial: 1, report });
  names.setRack(selfName, domains, selfAddresses);
  names.setRecords(records);
  // What was reported until now concerns no reservation.
  owners.clear();
  names.setReservations(wanted);
  return owners;
}

function formatReport({ kind, address, mac: _none, ...params }: NameReport): string {
  return DNS_EVENTS[kind].text({ ...params, ...(address === undefined ? {} : { address: formatIpv4(address) }) });
}

/** A name below a wildcard that no host has. */
const ANY_LABEL = 'any-other-name';

export function findRecordFaults(config: NamedConfig): RecordFaults {
  const { selfName, domains, selfAddresses, records } = config.dns;
  const reports: NameReport[] = [];
  const names = new Names({ serial: 1, report: (report) => reports.push(report) });
  names.setRack(selfName, domains, selfAddresses);
  names.setReservations(configuredHostNames(config));
  const before = reports.length;
  names.setRecords(records);
  const faults = reports.slice(before).map((report) => {
    const isSame = ({ name, type }: (typeof records)[number]): boolean =>
      name === report.name && (report.type === undefined || type === report.type);
    const exact = records.findIndex((record) => isSame(record) && record.data === report.data);
    const index = exact === -1 ? records.findIndex(isSame) : exact;
    return { index, kind: report.kind, reason: report.reason ?? '', message: formatReport(report) };
  });
  const facts = { names, zones: new Zones(config.dns), localZones: new LocalZones(config.dns.forwardZones) };
  const delegated = records.flatMap(({ name: written, type }, index) => {
    const [name, number] = [parseName(written), RECORD_TYPE_NUMBERS[type]];
    if (name === undefined || !isDelegated(name, number, facts)) return [];
    return { index, message: `The ${type} of ${name} is never answered: its name is delegated by an NS record` };
  });
  const circling = records.flatMap(({ name, type, data }, index) => {
    const probed = parseName(name)?.replace(/^\*(?=\.)/, ANY_LABEL);
    const isLeft = type !== 'CNAME' || probed === undefined || faults.some((fault) => fault.index === index);
    if (isLeft || !isEndless(probed, facts)) return [];
    const message = `The CNAME of ${name} leads to ${data}, which only leads on in a circle: no answer (SERVFAIL) unless a host is called ${data}`;
    return { index, message };
  });
  return {
    circling,
    delegated,
    nameless: reports
      .slice(0, before)
      .filter(({ kind }) => kind === 'dns.name-conflict')
      .map(formatReport),
    left: faults.filter(({ kind }) => kind === 'dns.record-invalid'),
    taking: faults.filter(({ kind }) => kind === 'dns.name-conflict'),
  };
}
