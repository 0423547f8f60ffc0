// A client's message with all that a decision needs: the client, its shared network, its kind of boot client.
//
// 1. The network's configuration decides what identifies a client (`client-identity.ts`).

import type { BootClient, BootClientFacts } from '../../boot/client.ts';
import type { BootPlan, BootQuery } from '../../boot/plan.ts';
import { ANY, type Ipv4, isHostMac, type MacAddress, macFromBytes } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import type { DhcpRefusal } from '../events/refusals.ts';
import { type AllocationFacts, isSameClient } from '../leases/allocate.ts';
import { isActive } from '../leases/lease-table.ts';
import type { Introduction } from '../leases/offers.ts';
import type { DeclineView } from '../limits/declines.ts';
import type { NewClientView } from '../limits/new-clients.ts';
import type { ClientNames } from '../networks/client-identity.ts';
import { isNoHost, judgeSender } from '../networks/relays.ts';
import type { ForeignView } from '../networks/server-role.ts';
import {
  type Arrival,
  chooseSharedNetwork,
  findServedSubnet,
  type ServedSubnet,
  type SubnetIndex,
} from '../networks/subnet.ts';
import type { DhcpPorts } from '../wire/destination.ts';
import { BOOT_REQUEST, type DhcpMessage } from '../wire/message.ts';
import { OptionList } from '../wire/message-options.ts';
import {
  MESSAGE_TYPE,
  OPTION,
  optionAddress,
  optionIdentifier,
  optionText,
  optionU8,
  optionU16List,
  optionUuid,
  userClasses,
} from '../wire/options.ts';
import { type RelayInformation, readRelayInformation } from '../wire/relay-agent.ts';

const ETHERNET = 1;
const ETHERNET_BYTES = 6;

/** Recognises a boot client; undefined: not a network boot. */
export type IdentifyClient = (facts: BootClientFacts) => BootClient | undefined;
/** Plans what a boot client loads next. */
export type PlanBoot = (query: BootQuery) => BootPlan | undefined;

/** Everything a decision may read; it changes none of it. */
export interface DhcpState extends AllocationFacts {
  readonly subnets: SubnetIndex;
  readonly ports: DhcpPorts;
  readonly identifyClient: IdentifyClient;
  readonly planBoot: PlanBoot;
  /** Undefined: neither new clients nor declines are limited. */
  readonly newClients?: NewClientView | undefined;
  readonly declines?: DeclineView | undefined;
  /** Where other DHCP servers were seen; undefined: nothing watches. */
  readonly foreign?: ForeignView | undefined;
  /** True while leases cannot be written. */
  readonly cannotRecord?: boolean | undefined;
}

/** One message to decide on. */
export interface Inquiry {
  readonly message: DhcpMessage;
  /** Option 53. */
  readonly type: number;
  readonly mac: MacAddress;
  /** Option 61, one character a byte. */
  readonly clientId: string | undefined;
  /**
   * The client's place by its relay agent (82.1, 82.2). A unicast renewal passes none and has the
   * values of its lease.
   */
  readonly circuitId: string | undefined;
  readonly remoteId: string | undefined;
  readonly now: Instant;
  readonly arrival: Arrival;
  /** The datagram's source; undefined: not checked. */
  readonly from: Ipv4 | undefined;
  readonly relay: RelayInformation | undefined;
  /** The subnets of the client's shared network, at least one. */
  readonly sharedNetwork: readonly ServedSubnet[];
  /** Undefined: not a network boot. */
  readonly client: BootClient | undefined;
}

/** An inquiry, or why the message is refused. */
type InquiryResult =
  | { readonly kind: 'inquiry'; readonly inquiry: Inquiry }
  | { readonly kind: 'refused'; readonly reason: DhcpRefusal; readonly mac: MacAddress | undefined };

/**
 * What a client says of itself and wants. Quirk: the bootloader of a Raspberry Pi 4 leaves option
 * 60 out of its REQUEST (test/dhcp/boot-transaction.test.ts).
 */
const INTRODUCING = [
  OPTION.parameterRequestList,
  OPTION.vendorClass,
  OPTION.userClass,
  OPTION.clientArchitecture,
  OPTION.clientUuid,
  OPTION.ipxe,
] as const;

/** What an offer's client said of itself; `options` is empty unless it boots from the network. */
export function encodeIntroduction({ mac, message, client }: Inquiry, address: Ipv4): Introduction {
  const options = new OptionList();
  for (const code of client === undefined ? [] : INTRODUCING) {
    const value = message.options.get(code);
    if (value !== undefined) options.set(code, value);
  }
  return { mac, xid: message.xid, address, options };
}

/**
 * The message, completed from the client's DISCOVER, which has what its REQUEST leaves out (RFC
 * 2131 §4.4.1): the ACK must not contradict the OFFER (RFC 2131 §4.3.1).
 */
function inTransaction(
  message: DhcpMessage,
  type: number,
  mac: MacAddress,
  sharedNetwork: readonly ServedSubnet[],
  { offers }: DhcpState,
  now: Instant,
): DhcpMessage {
  const introduction = type === MESSAGE_TYPE.request ? offers.introductionOf(mac, sharedNetwork, now) : undefined;
  if (introduction === undefined) return message;
  const { options } = message;
  const accepts =
    options.has(OPTION.serverIdentifier) && optionAddress(options, OPTION.requestedAddress) === introduction.address;
  if (introduction.xid !== message.xid && !accepts) return message;
  const whole = new OptionList();
  for (const [code, value] of [...options, ...introduction.options]) if (!whole.has(code)) whole.set(code, value);
  return whole.size === options.size ? message : { ...message, options: whole };
}

/**
 * Finds a message's client, shared network and place; refuses what no client of this server can have sent.
 * @param from the datagram's source; undefined: not checked
 */
export function openInquiry(
  sent: DhcpMessage,
  arrival: Arrival,
  state: DhcpState,
  now: Instant,
  from?: Ipv4,
): InquiryResult {
  if (sent.op !== BOOT_REQUEST) return { kind: 'refused', reason: 'not-a-request', mac: undefined };
  const mac = hardwareAddress(sent);
  if (mac === undefined) return { kind: 'refused', reason: 'hardware-unsupported', mac };
  if (!sent.options.has(OPTION.messageType)) return { kind: 'refused', reason: 'bootp-unsupported', mac };
  const type = optionU8(sent.options, OPTION.messageType);
  if (type === undefined) return { kind: 'refused', reason: 'message-type-unknown', mac };
  const agent = sent.options.get(OPTION.relayAgentInformation);
  const relay = agent === undefined ? undefined : readRelayInformation(agent);
  const choice = chooseSharedNetwork(sent, relay, arrival, state.subnets);
  if (choice.kind === 'refused') return { kind: 'refused', reason: choice.reason, mac };
  const { sharedNetwork } = choice;
  const message = inTransaction(sent, type, mac, sharedNetwork, state, now);
  const [network] = sharedNetwork;
  if (network === undefined) return { kind: 'refused', reason: 'network-unknown', mac };
  const holdsLease = (address: Ipv4): boolean => isActive(state.leases.find(address), now);
  const objection = judgeSender(message, from, arrival, network, state.subnets, holdsLease);
  if (objection !== undefined) return { kind: 'refused', reason: objection, mac };
  if (message.ciaddr !== ANY && isNoHost(message.ciaddr, state.subnets))
    return { kind: 'refused', reason: 'client-address-impossible', mac };
  const clientId = optionIdentifier(message.options, OPTION.clientIdentifier);
  const client = state.identifyClient(clientFacts(message));
  const place = relay ?? formerPlace({ mac, clientId }, message, arrival, sharedNetwork, state, now) ?? NO_PLACE;
  const { circuitId, remoteId } = place;
  const inquiry = {
    message,
    type,
    mac,
    clientId,
    circuitId,
    remoteId,
    now,
    arrival,
    from,
    relay,
    sharedNetwork,
    client,
  };
  return { kind: 'inquiry', inquiry };
}

/** A client's place by its relay agent. */
type ClientPlace = Pick<ClientNames, 'circuitId' | 'remoteId'>;

const NO_PLACE: ClientPlace = { circuitId: undefined, remoteId: undefined };

/** The running lease on a unicast's `ciaddr`, which passes no relay agent. */
function formerPlace(
  client: ClientNames,
  { ciaddr, giaddr }: DhcpMessage,
  { interfaceName }: Arrival,
  sharedNetwork: readonly ServedSubnet[],
  { leases }: DhcpState,
  now: Instant,
): ClientPlace | undefined {
  if (interfaceName !== undefined || giaddr !== ANY || ciaddr === ANY) return undefined;
  const served = findServedSubnet(sharedNetwork, ciaddr);
  const lease = served === undefined ? undefined : leases.find(ciaddr);
  return served !== undefined && isActive(lease, now) && isSameClient(served, lease, client) ? lease : undefined;
}

function hardwareAddress(message: DhcpMessage): MacAddress | undefined {
  if (message.htype !== ETHERNET || message.hlen !== ETHERNET_BYTES) return undefined;
  const mac = macFromBytes(message.chaddr);
  return isHostMac(mac) ? mac : undefined;
}

/** The facts about a boot client in its options. */
export function clientFacts({ options }: DhcpMessage): BootClientFacts {
  return {
    architectures: optionU16List(options, OPTION.clientArchitecture),
    vendorClass: optionText(options, OPTION.vendorClass) ?? '',
    userClasses: userClasses(options),
    ipxeOptions: options.has(OPTION.ipxe),
    uuid: optionUuid(options),
  };
}

/**
 * The rack's address for the client in `served`, from which it boots. Undefined for a relayed
 * network if the message came by an unserved interface.
 */
export function rackAddress(inquiry: Inquiry, served: ServedSubnet, subnets: SubnetIndex): Ipv4 | undefined {
  if (served.subnet.serverAddress !== undefined) return served.subnet.serverAddress;
  const { localAddress, interfaceName } = inquiry.arrival;
  if (localAddress !== ANY) return localAddress;
  return subnets.served.find(({ subnet }) => subnet.interfaceName === interfaceName)?.subnet.serverAddress;
}
