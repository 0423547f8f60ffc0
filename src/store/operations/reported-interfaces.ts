// The interfaces of a batch of reports, updated one by one (`steps.ts`).
//
//   read the interfaces with a reported hardware address, and for each reported address its newest interface ─► see each report ─► write
//
// 1. The number of statements is the same for any number of reports.

import { type Ipv4, type MacAddress, mac as macAddress, parseIpv4, parseMac } from '../../ground/address.ts';
import { ADDRESS_ENDS, isAddressHeld, type RackReport } from '../../region/records/machine-event.ts';
import { number, optional, type Row } from '../rows.ts';
import { all, run, type Steps } from '../steps.ts';

const BY_MAC_SQL = 'SELECT mac, machine_id, address, seen_ms, ended_ms FROM interface WHERE mac IN numbers(?)';
/** For each address the interface last seen with it, of those outside the list. */
const BY_ADDRESS_SQL =
  'SELECT one.machine_id, one.address, one.seen_ms FROM texts(?2) AS asked JOIN interface AS one ON one.id = ' +
  '(SELECT id FROM interface WHERE address = CAST(asked.value AS BIGINT) AND NOT (mac IN numbers(?1)) ORDER BY seen_ms DESC NULLS LAST LIMIT 1)';
/** The second list lets PostgreSQL use the index. */
const WRITE_SQL =
  'UPDATE interface SET address = CAST(one.value ->> 1 AS BIGINT), seen_ms = CAST(one.value ->> 2 AS BIGINT), ' +
  'ended_ms = CAST(one.value ->> 3 AS BIGINT) FROM rows(?1) AS one ' +
  'WHERE interface.mac IN numbers(?2) AND interface.mac = CAST(one.value ->> 0 AS BIGINT)';

/**
 * How a report identifies its machine. Only a lease assigns an address: any host may request a file
 * with its hardware address.
 */
export function readReportSign({ kind, mac, address }: RackReport): {
  readonly mac: MacAddress | undefined;
  readonly address: Ipv4 | undefined;
  readonly leased: Ipv4 | undefined;
} {
  const parsed = address === undefined ? undefined : parseIpv4(address);
  return {
    mac: mac === undefined ? undefined : parseMac(mac),
    address: parsed,
    leased: isAddressHeld(kind) ? parsed || undefined : undefined,
  };
}

interface SeenInterface {
  readonly machineId: number;
  readonly address: number | undefined;
  readonly seenMs: number | undefined;
}

interface ReportedInterface extends SeenInterface {
  readonly endedMs: number | undefined;
  readonly isChanged?: boolean;
}

export function* readReportedInterfaces(reports: readonly RackReport[]): Steps<ReportedInterfaces> {
  const signs = reports.map(readReportSign);
  const macs = JSON.stringify([...new Set(signs.flatMap(({ mac }) => mac ?? []))]);
  const addresses = new Set(signs.flatMap(({ mac, address }) => (mac === undefined ? (address ?? []) : [])));
  const { rows: ownRows } = yield all(BY_MAC_SQL, macs);
  const { rows: otherRows } = yield all(BY_ADDRESS_SQL, macs, JSON.stringify([...addresses]));
  return new ReportedInterfaces(new Map(ownRows.map(readReported)), new Map(otherRows.map(readSeen)));
}

const readReported = (row: Row): [MacAddress, ReportedInterface] => [
  macAddress(number('mac').read(row)),
  {
    machineId: number('machine_id').read(row),
    address: optional(number('address')).read(row),
    seenMs: optional(number('seen_ms')).read(row),
    endedMs: optional(number('ended_ms')).read(row),
  },
];

const readSeen = (row: Row): [number, SeenInterface] => {
  const address = number('address').read(row);
  return [
    address,
    { machineId: number('machine_id').read(row), address, seenMs: optional(number('seen_ms')).read(row) },
  ];
};

class ReportedInterfaces {
  readonly #ownInterfaces: Map<MacAddress, ReportedInterface>;
  readonly #otherInterfaces: ReadonlyMap<number, SeenInterface>;

  constructor(ownInterfaces: Map<MacAddress, ReportedInterface>, otherInterfaces: ReadonlyMap<number, SeenInterface>) {
    this.#ownInterfaces = ownInterfaces;
    this.#otherInterfaces = otherInterfaces;
  }

  /** @returns the machine's id; `undefined` if it is unknown */
  applyReport(report: RackReport): number | undefined {
    const { mac, address, leased } = readReportSign(report);
    if (mac === undefined) return address === undefined ? undefined : this.#findNewestAt(address)?.machineId;
    const knownInterface = this.#ownInterfaces.get(mac);
    if (knownInterface === undefined) return undefined;
    let updated = knownInterface;
    if (leased !== undefined) {
      updated = { ...updated, address: leased, seenMs: report.at, endedMs: undefined, isChanged: true };
    }
    // A late report of an older lease's end must not end a newer one. Without a time (older
    // databases) any counts.
    const isEnd = address !== undefined && ADDRESS_ENDS.includes(report.kind) && updated.address === address;
    if (isEnd && (updated.seenMs ?? 0) <= report.at) updated = { ...updated, endedMs: report.at, isChanged: true };
    this.#ownInterfaces.set(mac, updated);
    return updated.machineId;
  }

  *write(): Steps<void> {
    const changedEntries = [...this.#ownInterfaces].filter(([, { isChanged }]) => isChanged === true);
    if (changedEntries.length === 0) return;
    const rows = changedEntries.map(([mac, { address, seenMs, endedMs }]) => [
      mac,
      address ?? null,
      seenMs ?? null,
      endedMs ?? null,
    ]);
    yield run(WRITE_SQL, JSON.stringify(rows), JSON.stringify(changedEntries.map(([mac]) => mac)));
  }

  #findNewestAt(address: Ipv4): SeenInterface | undefined {
    const ownCandidates = [...this.#ownInterfaces.values()].filter((candidate) => candidate.address === address);
    const otherInterface = this.#otherInterfaces.get(address);
    const chooseLater = (first: SeenInterface, second: SeenInterface): SeenInterface =>
      (second.seenMs ?? -1) > (first.seenMs ?? -1) ? second : first;
    const candidates: readonly SeenInterface[] =
      otherInterface === undefined ? ownCandidates : [...ownCandidates, otherInterface];
    return candidates.length === 0 ? undefined : candidates.reduce(chooseLater);
  }
}
