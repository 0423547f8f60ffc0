// The faults that a rack with this configuration would report for `dns.records`, found with the
// rack's own names (`dns/names.ts`). Machines and the addresses that users reserved are unknown
// here.

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
export const listConfiguredHostNames = (
  config: Pick<RackConfig, 'clusterInterfaces' | 'dhcp'>,
): readonly NamedAddress[] =>
  config.dhcp.subnets.flatMap(({ reservations, domain }) =>
    reservations.flatMap(({ hostname, address, domain: ownDomain }) =>
      hostname === undefined || ownDomain !== undefined || !isNamedHere(address, config)
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
  /** Records that the rack would leave out. */
  readonly omittedRecords: readonly RecordFault[];
  /** Records that would take the name of a host or of the rack. */
  readonly takingRecords: readonly RecordFault[];
  /** Records that are never answered, because their names are delegated. */
  readonly delegatedRecords: readonly Omit<RecordFault, 'reason'>[];
  /** Reservations that do not get their name, because the rack has it. */
  readonly namelessReservations: readonly string[];
  /**
   * Aliases that lead in a circle unless a machine has the name of their target: a wildcard that
   * covers its own target.
   */
  readonly circlingRecords: readonly Omit<RecordFault, 'reason'>[];
}

/**
 * The names of new reservations that the rack or a record already has, or whose record they would
 * end, each with the name's owner. Machines are unknown here.
 */
export function findNameOwners(
  config: NamedConfig,
  reservations: readonly NamedAddress[],
): ReadonlyMap<string, string> {
  const { selfName, domains, selfAddresses, records } = config.dns;
  const owners = new Map<string, string>();
  const report = ({ name = '', kind, winner, winnerAddress, type }: NameReport): void => {
    if (kind === 'dns.record-invalid') owners.set(name, `the ${type} record of dns.records`);
    else owners.set(name, winner === 'rack' ? 'the rack' : `the record of ${winnerAddress} in dns.records`);
  };
  const names = new Names({ serial: 1, report });
  names.setRack(selfName, domains, selfAddresses);
  names.setRecords(records);
  // Reports until now concern no reservation.
  owners.clear();
  names.setReservations(reservations);
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
  names.setReservations(listConfiguredHostNames(config));
  const countBefore = reports.length;
  names.setRecords(records);
  const faults = reports.slice(countBefore).map((report) => {
    const isSame = ({ name, type }: (typeof records)[number]): boolean =>
      name === report.name && (report.type === undefined || type === report.type);
    const exactIndex = records.findIndex((record) => isSame(record) && record.data === report.data);
    const index = exactIndex === -1 ? records.findIndex(isSame) : exactIndex;
    return { index, kind: report.kind, reason: report.reason ?? '', message: formatReport(report) };
  });
  const facts = { names, zones: new Zones(config.dns), localZones: new LocalZones(config.dns.forwardZones) };
  const delegated = records.flatMap(({ name: written, type }, index) => {
    const [name, number] = [parseName(written), RECORD_TYPE_NUMBERS[type]];
    if (name === undefined || !isDelegated(name, number, facts)) return [];
    return { index, message: `The ${type} of ${name} is never answered: its name is delegated by an NS record` };
  });
  const circling = records.flatMap(({ name, type, data }, index) => {
    const probedName = parseName(name)?.replace(/^\*(?=\.)/, ANY_LABEL);
    const isSkipped = type !== 'CNAME' || probedName === undefined || faults.some((fault) => fault.index === index);
    if (isSkipped || !isEndless(probedName, facts)) return [];
    const message = `The CNAME of ${name} leads to ${data}, which only leads on in a circle: no answer (SERVFAIL) unless a host is called ${data}`;
    return { index, message };
  });
  return {
    circlingRecords: circling,
    delegatedRecords: delegated,
    namelessReservations: reports
      .slice(0, countBefore)
      .filter(({ kind }) => kind === 'dns.name-conflict')
      .map(formatReport),
    omittedRecords: faults.filter(({ kind }) => kind === 'dns.record-invalid'),
    takingRecords: faults.filter(({ kind }) => kind === 'dns.name-conflict'),
  };
}
