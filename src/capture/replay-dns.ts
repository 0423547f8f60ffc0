// Replays captured DNS queries against the names of the present configuration, leases and machines.
// A query that would be forwarded is reported, not sent.

import type { RackConfig } from '../config/rack-config.ts';
import { nameMachines, nameReservations } from '../daemon/rack/naming.ts';
import type { Lease } from '../dhcp/leases/lease.ts';
import { decodeMessage, FLAG, HEADER_OCTETS, type Message } from '../dns/message.ts';
import { Names } from '../dns/names.ts';
import { DnsService } from '../dns/service.ts';
import { formatIpv4 } from '../ground/address.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import { type Clock, instant } from '../ground/clock.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import { compareDns, compareForwarded, judgeReplay, type ReplayedQuery, summariseDns } from './answer-comparison.ts';
import type { CapturedDatagram } from './pcap.ts';
import { QUERIES_WAITING_MAX } from './replay-dhcp.ts';

interface PendingQuery {
  readonly result: ReplayedQuery;
  readonly now: Message | undefined;
  /** True for a query that would be forwarded after following an alias of ours. */
  readonly isOwnAlias: boolean;
}

/** Replays DNS. */
export class DnsReplay {
  readonly #service: DnsService;
  readonly #pendingQueries = new BoundedMap<string, PendingQuery>(QUERIES_WAITING_MAX, 'set longest ago');

  /** @param leases active leases @param clock shows the capture's time */
  constructor(config: RackConfig, machines: MachineDirectory, leases: readonly Lease[], clock: Clock) {
    const names = new Names({ serial: 1, report: () => undefined });
    const upstream = { send: () => undefined, stream: () => undefined, closeStream: () => undefined };
    this.#service = new DnsService({ clock, publish: () => undefined, names, upstream });
    this.#service.configure(config.dns);
    nameReservations(names, config);
    nameMachines(names, machines, leases, config);
  }

  replay(datagram: CapturedDatagram): ReplayedQuery | undefined {
    const { number, atMs, bytes, from, fromPort, to, toPort } = datagram;
    if (bytes.length < HEADER_OCTETS) return undefined;
    const id = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
    if (((bytes[2] ?? 0) & (FLAG.QR >>> 8)) !== 0) {
      this.#compareAnswer(`${to}:${toPort}/${id}`, bytes, formatIpv4(from));
      return undefined;
    }
    const serviceResult = this.#service.handle(bytes, from, 'udp');
    const decodedAnswer = serviceResult instanceof Uint8Array ? decodeMessage(serviceResult) : undefined;
    const now = decodedAnswer?.ok === true ? decodedAnswer.value : undefined;
    const query = decodeMessage(bytes);
    const isForwarded = serviceResult !== undefined && !(serviceResult instanceof Uint8Array);
    const text = isForwarded
      ? `${serviceResult.question.name} would be forwarded to an upstream`
      : now === undefined
        ? 'no answer'
        : summariseDns(now);
    const result: ReplayedQuery = {
      number,
      atMs,
      protocol: 'dns',
      text,
      from: `${formatIpv4(from)}:${fromPort}`,
      to: `${formatIpv4(to)}:${toPort}`,
      query: query.ok ? summariseDns(query.value) : 'malformed DNS message',
      decision: isForwarded ? 'forward' : now === undefined ? 'silence' : 'answer',
      captured: undefined,
      verdict: judgeReplay(now !== undefined || isForwarded, false, []),
      differences: [],
    };
    const isOwnAlias = isForwarded && serviceResult.chain.length > 0;
    this.#pendingQueries.set(`${from}:${fromPort}/${id}`, { result, now, isOwnAlias });
    return result;
  }

  #compareAnswer(key: string, bytes: Uint8Array, server: string): void {
    const pending = this.#pendingQueries.get(key);
    const answer = decodeMessage(bytes);
    if (pending === undefined || pending.result.captured !== undefined || !answer.ok) return;
    const { result, now, isOwnAlias } = pending;
    result.captured = `${summariseDns(answer.value)}, from ${server}`;
    const isForwarded = result.decision === 'forward';
    if (isForwarded) result.differences = compareForwarded(isOwnAlias, answer.value);
    else if (now !== undefined) result.differences = compareDns(now, answer.value);
    result.verdict = judgeReplay(isForwarded || now !== undefined, true, result.differences);
  }
}

/** A clock that shows the current packet's time, with timers that never fire. */
export class CaptureClock implements Clock {
  #atMs = 0;
  set(atMs: number): void {
    this.#atMs = atMs;
  }
  now() {
    return instant(this.#atMs);
  }
  wallTimeMs(): number {
    return this.#atMs;
  }
  schedule() {
    return { cancel: () => undefined };
  }
  randomBytes(count: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(count);
  }
}
