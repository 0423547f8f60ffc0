// The event of an unanswered message: who sent it, through which relay.
//
// 1. Built only for published events: the withheld ones of a flood cost nothing.

import { ANY, formatIpv4, type Ipv4 } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import type { Sample } from '../../ground/rate-limit.ts';
import type { WireFault } from '../../net/byte-reader.ts';
import type { DhcpEvent } from '../events/events.ts';
import type { DhcpRefusal } from '../events/refusals.ts';
import { type Arrival, namedNetwork } from '../networks/subnet.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { OPTION } from '../wire/options.ts';
import { readRelayInformation } from '../wire/relay-agent.ts';
import { describeSwitchPort } from './terms.ts';

export interface Heard {
  readonly message: DhcpMessage;
  readonly arrival: Arrival;
  /** The datagram's source. */
  readonly from: Ipv4;
}

/** No client sends such a message from its own address. */
const TELL_SOURCE: ReadonlySet<DhcpRefusal> = new Set([
  'not-a-request',
  'relay-source-unknown',
  'source-unserved',
  'other-wire',
  'sent-from-elsewhere',
  'client-address-impossible',
]);

type Way = Pick<DhcpEvent, 'relay' | 'wanted' | 'circuitId' | 'remoteId' | 'from'>;

/** The event of an unanswered message. `heard` is undefined if it is gone; `event` holds what is known. */
export function refusedEvent(
  event: DhcpEvent,
  reason: DhcpRefusal,
  sample: Sample,
  heard: Heard | undefined,
): DhcpEvent {
  const { at, mac, address, subnet, interfaceName, vendorClass, hostname, classes, waitedSeconds } = event;
  const { hardwareType, clientId, circuitId, remoteId } = event;
  const client = { mac, hardwareType, clientId, vendorClass, hostname, classes, waitedSeconds };
  const fields = { at, address, subnet, interfaceName, ...client, reason, ...sample };
  const way = heard === undefined ? { circuitId, remoteId } : describeWay(heard, reason);
  return { kind: 'dhcp.refused', ...fields, ...way };
}

/** `from` is the datagram's source. */
export function malformedEvent(fault: WireFault, arrival: Arrival, from: Ipv4, at: Instant, sample: Sample): DhcpEvent {
  const { code: reason, field, offset } = fault;
  const { interfaceName } = arrival;
  return { kind: 'dhcp.malformed', at, interfaceName, from: formatSource(from), reason, field, offset, ...sample };
}

/** How the message came, and the address that names its network. */
function describeWay({ message, arrival, from }: Heard, reason: DhcpRefusal): Way {
  const agent = message.options.get(OPTION.relayAgentInformation);
  const relay = agent === undefined ? undefined : readRelayInformation(agent);
  const wanted = namedNetwork(message, relay, arrival);
  return {
    relay: message.giaddr === ANY ? undefined : formatIpv4(message.giaddr),
    wanted: wanted === undefined ? undefined : formatIpv4(wanted),
    from: TELL_SOURCE.has(reason) ? formatSource(from) : undefined,
    ...describeSwitchPort(relay),
  };
}

const formatSource = (from: Ipv4): string | undefined => (from === ANY ? undefined : formatIpv4(from));
