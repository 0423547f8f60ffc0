// Replays captured DHCP messages through the deciding code. Decisions are applied to copies of the
// leases and offers, so that a REQUEST finds the offer of its DISCOVER. Nothing is sent or stored.
//
// 1. A query is handled like a received datagram: `decide`, then the record, then the encoded reply.
// 2. No address is probed; an offer that would wait for a probe is made immediately.
// 3. At QUERIES_WAITING_MAX the query that has waited longest is forgotten.

import { identifyBootClient } from '../boot/client.ts';
import { type BootQuery, planBoot } from '../boot/plan.ts';
import type { RackConfig } from '../config/rack-config.ts';
import { decide } from '../dhcp/answers/decide.ts';
import type { DhcpDecision } from '../dhcp/answers/decision.ts';
import type { DhcpState } from '../dhcp/answers/inquiry.ts';
import { encodeReply } from '../dhcp/answers/reply.ts';
import { DHCP_REFUSALS } from '../dhcp/events/refusals.ts';
import type { Lease } from '../dhcp/leases/lease.ts';
import { LeaseTable } from '../dhcp/leases/lease-table.ts';
import { Offers } from '../dhcp/leases/offers.ts';
import { type Arrival, indexSubnets, type SubnetIndex } from '../dhcp/networks/subnet.ts';
import { BOOT_REPLY, BOOT_REQUEST, type DhcpMessage, decodeDhcpMessage } from '../dhcp/wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionAddress, optionU8 } from '../dhcp/wire/options.ts';
import {
  ANY,
  formatIpv4,
  formatMac,
  type Ipv4,
  LIMITED_BROADCAST,
  macFromBytes,
  networkContains,
} from '../ground/address.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import { instant } from '../ground/clock.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import { composeEventText } from '../observe/event-text.ts';
import { compareDhcp, judgeReplay, type ReplayedQuery } from './answer-comparison.ts';
import type { CapturedDatagram } from './pcap.ts';

/** The most queries that wait for their captured answer: a capture may hold no answer at all. */
export const QUERIES_WAITING_MAX = 4096;

/** The state that queries are replayed against. */
export interface DhcpFacts {
  readonly config: RackConfig;
  readonly machines: MachineDirectory;
  /** Copies, with wall times as instants. */
  readonly leases: readonly Lease[];
  /**
   * The interface of broadcasts, because captures do not name it; undefined for the first served
   * interface.
   */
  readonly interfaceName: string | undefined;
}

/** A query that waits for its captured answer. */
interface PendingQuery {
  readonly result: ReplayedQuery;
  readonly now: DhcpMessage | undefined;
}

/** Replays DHCP. */
export class DhcpReplay {
  readonly table = new LeaseTable();
  readonly #facts: DhcpFacts;
  readonly #subnets: SubnetIndex;
  readonly #offers = new Offers(this.table.pools);
  /** The last query of each exchange, by xid and hardware address. */
  readonly #pendingQueries = new BoundedMap<string, PendingQuery>(QUERIES_WAITING_MAX, 'set longest ago');
  #sequence = 0;

  constructor(facts: DhcpFacts) {
    this.#facts = facts;
    this.#subnets = indexSubnets(facts.config.dhcp, undefined);
    this.table.load(facts.leases, instant(0));
    this.table.serve(this.#subnets.served, facts.machines);
  }

  replay(datagram: CapturedDatagram, atMs: number): ReplayedQuery | undefined {
    const decoded = decodeDhcpMessage(datagram.bytes);
    if (decoded.ok && decoded.value.op === BOOT_REPLY) {
      this.#compareAnswer(decoded.value, datagram);
      return undefined;
    }
    const { text, decision, reply } = decoded.ok
      ? this.#decideAnswer(decoded.value, datagram, atMs)
      : {
          decision: 'malformed',
          text: `${decoded.fault.code} in ${decoded.fault.field} at byte ${decoded.fault.offset}`,
          reply: undefined,
        };
    const result: ReplayedQuery = {
      number: datagram.number,
      atMs,
      protocol: 'dhcp',
      decision,
      text,
      from: `${formatIpv4(datagram.from)}:${datagram.fromPort}`,
      to: `${formatIpv4(datagram.to)}:${datagram.toPort}`,
      query: decoded.ok ? summariseDhcp(decoded.value) : 'malformed DHCP message',
      captured: undefined,
      verdict: judgeReplay(reply !== undefined, false, []),
      differences: [],
    };
    if (decoded.ok) this.#pendingQueries.set(exchangeKey(decoded.value), { result, now: reply });
    return result;
  }

  #decideAnswer(message: DhcpMessage, datagram: CapturedDatagram, atMs: number) {
    const { config, machines } = this.#facts;
    const state: DhcpState = {
      leases: this.table,
      offers: this.#offers,
      machines,
      subnets: this.#subnets,
      ports: { serverPort: config.dhcp.serverPort, clientPort: config.dhcp.clientPort },
      identifyClient: identifyBootClient,
      planBoot: (query: BootQuery) => planBoot(query, config.boot),
    };
    const decision = decide(message, this.#createArrival(message, datagram), state, instant(atMs), datagram.from);
    this.#apply(decision, atMs);
    if (decision.kind === 'pass') {
      return { decision: `silence: ${decision.reason}`, text: DHCP_REFUSALS[decision.reason], reply: undefined };
    }
    const text = composeEventText(decision.event);
    if (decision.kind !== 'reply') {
      const decisionWord =
        decision.kind === 'ignore' ? `silence: ${decision.reason}` : decision.event.kind.slice('dhcp.'.length);
      return { decision: decisionWord, text, reply: undefined };
    }
    // Encode within the client's limit and decode again, to compare what the client would read.
    const decodedReply = decodeDhcpMessage(encodeReply(decision.message, message).bytes);
    return {
      decision: messageTypeName(decision.message),
      text,
      reply: decodedReply.ok ? decodedReply.value : decision.message,
    };
  }

  #apply(decision: DhcpDecision, atMs: number): void {
    if (decision.kind === 'ignore' || decision.kind === 'pass') return;
    if (decision.kind === 'reply' && decision.introduction !== undefined) {
      this.#offers.introduce(decision.introduction, decision, instant(atMs));
    }
    if (decision.kind === 'reply' && decision.offer !== undefined) {
      this.#offers.hold(decision.offer.address, decision.offer.client, decision, instant(atMs));
    }
    if (decision.kind === 'record' && decision.declined !== undefined) {
      this.#offers.drop(decision.declined.client, decision.declined.sharedNetwork);
    }
    for (const lease of decision.records) {
      this.#sequence += 1;
      this.table.apply(lease, this.#sequence);
      this.table.settle(this.#sequence);
      if (decision.kind === 'reply') this.#offers.drop(this.table.getIdentity(lease), decision.sharedNetwork);
    }
  }

  /**
   * Creates the arrival at the socket that would have received the query. A unicast to another
   * server counts as one to the rack's address in that network.
   */
  #createArrival(message: DhcpMessage, { to }: CapturedDatagram): Arrival {
    const { served, ownAddresses } = this.#subnets;
    const isSubnetBroadcast = served.some(({ subnet }) => subnet.broadcast === to);
    if (to === LIMITED_BROADCAST || isSubnetBroadcast)
      return { interfaceName: this.#facts.interfaceName ?? served[0]?.subnet.interfaceName ?? '', localAddress: ANY };
    if (ownAddresses.has(to)) return { interfaceName: undefined, localAddress: to };
    const nearbyAddress = message.giaddr !== ANY ? message.giaddr : message.ciaddr !== ANY ? message.ciaddr : to;
    return { interfaceName: undefined, localAddress: this.#findServerAddress(nearbyAddress) ?? to };
  }

  #findServerAddress(address: Ipv4): Ipv4 | undefined {
    const served = this.#subnets.served.find(({ subnet }) => networkContains(subnet.network, address));
    return served?.subnet.serverAddress;
  }

  #compareAnswer(answer: DhcpMessage, { from }: CapturedDatagram): void {
    const pending = this.#pendingQueries.get(exchangeKey(answer));
    // Compare only the first answer; a second one is from another server.
    if (pending === undefined || pending.result.captured !== undefined) return;
    const { result, now } = pending;
    const server = optionAddress(answer.options, OPTION.serverIdentifier) ?? from;
    result.captured = `${messageTypeName(answer)} ${answer.yiaddr === ANY ? '' : `${formatIpv4(answer.yiaddr)} `}from ${formatIpv4(server)}`;
    result.differences = now === undefined ? [] : compareDhcp(now, answer);
    result.verdict = judgeReplay(now !== undefined, true, result.differences);
  }
}

const exchangeKey = (message: DhcpMessage): string => `${message.xid}/${macFromBytes(message.chaddr)}`;

function messageTypeName(message: DhcpMessage): string {
  const type = optionU8(message.options, OPTION.messageType);
  if (type === undefined) return message.op === BOOT_REQUEST ? 'BOOTP request' : 'BOOTP reply';
  return (
    Object.entries(MESSAGE_TYPE)
      .find(([, code]) => code === type)?.[0]
      .toUpperCase() ?? `type ${type}`
  );
}

function summariseDhcp(message: DhcpMessage): string {
  const address = message.ciaddr === ANY ? '' : `, ${formatIpv4(message.ciaddr)}`;
  const mac = formatMac(macFromBytes(message.chaddr));
  return `${messageTypeName(message)} from ${mac}${address}, xid ${message.xid.toString(16).padStart(8, '0')}`;
}
