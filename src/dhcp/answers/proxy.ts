// Networks in proxy mode: another server gives addresses, this one tells boot clients what to load.
// Pure. Sources: the PXE specification 2.1 §2.2 and §2.4 (proxyDHCP, option 43, port 4011), RFC
// 4578; EDK2's PxeBcDhcp4.c; captures of iPXE and OVMF.
//
//   port 67    DISCOVER of a boot client ─→ OFFER without an address: option 60, 43, boot file
//              any REQUEST               ─→ silence; the rack notes who has which address ("elsewhere")
//              anything else             ─→ silence
//   port 4011  REQUEST, INFORM of a boot client ─→ ACK with the boot file
//
// 1. The rack gives and denies no address here: no lease, no NAK, no waiting for a disk.
// 2. A client that does not boot from the network gets no reply, counted but not reported.
// 3. A client counts as having the address it requests from another server, until it requests another.
// 4. A sender can direct a reply only to itself: a broadcast goes to the clients' port, a unicast
//    into the network.

import type { BootPlan } from '../../boot/plan.ts';
import { ANY, formatIpv4, type Ipv4, networkContains } from '../../ground/address.ts';
import type { Destination } from '../../net/datagrams/datagram.ts';
import type { DhcpEvent } from '../events/events.ts';
import type { DhcpRefusal } from '../events/refusals.ts';
import { denyingAmong, joinClassNames } from '../networks/classes.ts';
import { sharedNetworkKey } from '../networks/server-role.ts';
import { findServedSubnet, type ServedSubnet } from '../networks/subnet.ts';
import { chooseDestination, type DhcpPorts } from '../wire/destination.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { OptionList, type OptionsInMaking } from '../wire/message-options.ts';
import { addressBytes, MESSAGE_TYPE, OPTION, optionAddress, textBytes, u8Bytes } from '../wire/options.ts';
import { type DhcpDecision, ignore } from './decision.ts';
import { type DhcpState, encodeIntroduction, type Inquiry, rackAddress } from './inquiry.ts';
import { findRecordOwner } from './record-owner.ts';
import { addBootFile, addDemandedEchoes, echo, fileField, replyTo } from './reply.ts';
import { composeDhcpEvent, findClientClasses, isOwnIdentifier, shownBy } from './terms.ts';

/** Option 43: PXE_DISCOVERY_CONTROL (6), bit 3: load the named boot file (PXE 2.1 §2.4). */
const LOAD_BOOT_FILE = Uint8Array.of(6, 1, 8, 255);

/** Decides on a message in proxy mode, or to the boot server port. */
export function decideProxied(inquiry: Inquiry, state: DhcpState, served: ServedSubnet): DhcpDecision {
  const { arrival, client, type } = inquiry;
  if (arrival.bootServerPort !== undefined) return decideBootServer(inquiry, state, served);
  if (type === MESSAGE_TYPE.request) return decideElsewhere(inquiry, state);
  if (client === undefined) return pass('not-booting');
  return type === MESSAGE_TYPE.discover ? decideOffer(inquiry, state, served) : pass('proxy-silent');
}

/** The first half: what to load. */
function decideOffer(inquiry: Inquiry, state: DhcpState, served: ServedSubnet): DhcpDecision {
  const answer = planFor(inquiry, state, served);
  if (answer.kind === 'refused') return ignore(inquiry, answer.reason, undefined, { classes: answer.classes });
  const { plan, serverAddress, classes } = answer;
  const isBinl = plan.proxyReply === 'binl';
  return {
    kind: 'reply',
    message: compose(inquiry, isBinl ? undefined : plan, serverAddress, 'offer'),
    destination: chooseDestination(inquiry.message, 'settings', ANY, state.ports, served.subnet.network),
    served,
    sharedNetwork: inquiry.sharedNetwork,
    records: [],
    introduction: encodeIntroduction(inquiry, ANY),
    event: eventFor(inquiry, 'dhcp.offer', plan, classes),
  };
}

/** The second half: for a client without a boot file, or that asks again. */
function decideBootServer(inquiry: Inquiry, state: DhcpState, served: ServedSubnet): DhcpDecision {
  const { arrival, client, message, type } = inquiry;
  if (served.subnet.proxy !== true) return ignore(inquiry, 'network-not-proxied', message.ciaddr);
  if (client === undefined) return pass('not-booting');
  if (type !== MESSAGE_TYPE.request && type !== MESSAGE_TYPE.inform) return ignore(inquiry, 'message-type-unknown');
  // A forged address would send the reply far away.
  const isNear = message.ciaddr === ANY || networkContains(served.subnet.network, message.ciaddr);
  if (!isNear) return ignore(inquiry, 'wrong-network', message.ciaddr);
  // A broadcast may be meant for another boot server; a unicast to this rack is for it, whichever it names.
  if (arrival.interfaceName !== undefined && !isOwnIdentifier(inquiry, state)) return pass('other-server-chosen');
  const answer = planFor(inquiry, state, served);
  if (answer.kind === 'refused') return ignore(inquiry, answer.reason, message.ciaddr, { classes: answer.classes });
  const { plan, serverAddress, classes } = answer;
  const address = message.ciaddr === ANY ? undefined : message.ciaddr;
  return {
    kind: 'reply',
    message: compose(inquiry, plan, serverAddress, 'ack'),
    destination: towards(message, arrival.bootServerPort ?? state.ports.clientPort, state.ports),
    served,
    sharedNetwork: inquiry.sharedNetwork,
    records: [],
    claim: address === undefined ? undefined : { address, mac: inquiry.mac, at: inquiry.now },
    event: { ...eventFor(inquiry, 'dhcp.boot-server', plan, classes), address },
  };
}

/**
 * The client waits at the port it sent from (PXE 2.1 §2.2). Without an address it gets a broadcast
 * to the client port only, because every host on the wire gets it.
 */
const towards = ({ ciaddr }: DhcpMessage, port: number, { clientPort }: DhcpPorts): Destination =>
  ciaddr === ANY ? { kind: 'broadcast', port: clientPort } : { kind: 'unicast', address: ciaddr, port };

/** A REQUEST to the other server shows who has which address. */
function decideElsewhere(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { client, sharedNetwork, mac, message, now } = inquiry;
  const requested = optionAddress(message.options, OPTION.requestedAddress);
  const address = requested ?? (message.ciaddr === ANY ? undefined : message.ciaddr);
  if (address === undefined || findServedSubnet(sharedNetwork, address) === undefined) return pass('proxy-silent');
  const claim = { address, mac, at: now };
  const server = optionAddress(message.options, OPTION.serverIdentifier);
  const chosen = server === undefined ? undefined : formatIpv4(server);
  const event: DhcpEvent = { ...composeDhcpEvent(inquiry, 'dhcp.elsewhere'), address, server: chosen };
  const isOurs = client !== undefined || state.machines.findByMac(mac) !== undefined;
  return { ...pass(isOurs ? 'proxy-silent' : 'not-booting'), claim, event };
}

const pass = (reason: DhcpRefusal): Extract<DhcpDecision, { kind: 'pass' }> => ({ kind: 'pass', reason });

type PlanAnswer =
  | {
      readonly kind: 'plan';
      readonly plan: BootPlan;
      readonly serverAddress: Ipv4;
      readonly classes?: string | undefined;
    }
  | { readonly kind: 'refused'; readonly reason: DhcpRefusal; readonly classes?: string | undefined };

function planFor(inquiry: Inquiry, state: DhcpState, served: ServedSubnet): PlanAnswer {
  const { client, mac } = inquiry;
  const serverAddress = rackAddress(inquiry, served, state.subnets);
  if (serverAddress === undefined) return { kind: 'refused', reason: 'no-server-address' };
  if (client === undefined) return { kind: 'refused', reason: 'not-booting' };
  const loaders = findClientClasses(inquiry, state, served);
  const classes = joinClassNames(loaders);
  const denying = denyingAmong(loaders);
  if (denying !== undefined) return { kind: 'refused', reason: 'class-denied', classes: denying.name };
  const owner = findRecordOwner(inquiry, state, served);
  const sharedNetwork = sharedNetworkKey(served.subnet);
  const signs = shownBy(inquiry);
  const plan = state.planBoot({ client, mac, ...signs, serverAddress, sharedNetwork, loaders, owner });
  if (plan === undefined) return { kind: 'refused', reason: 'no-loader', classes };
  return { kind: 'plan', plan, serverAddress, classes };
}

function eventFor(inquiry: Inquiry, kind: DhcpEvent['kind'], plan: BootPlan, classes: string | undefined): DhcpEvent {
  return { ...composeDhcpEvent(inquiry, kind), ...plan.reason, file: plan.file, proxied: true, classes };
}

/** @param plan undefined: the client must ask the boot server port */
function compose(
  inquiry: Inquiry,
  plan: BootPlan | undefined,
  serverAddress: Ipv4,
  type: 'offer' | 'ack',
): DhcpMessage {
  const { message } = inquiry;
  const options = new OptionList();
  options.set(OPTION.messageType, u8Bytes(MESSAGE_TYPE[type]));
  options.set(OPTION.serverIdentifier, addressBytes(serverAddress));
  // Without option 60 a client would expect an address.
  options.set(OPTION.vendorClass, textBytes(plan?.vendorClass ?? 'PXEClient'));
  if (plan !== undefined) addBootOptions(options, plan);
  echo(options, message, OPTION.clientUuid);
  addDemandedEchoes(options, message);
  return replyTo(message, {
    ciaddr: type === 'ack' ? message.ciaddr : ANY,
    siaddr: plan?.serverAddress ?? serverAddress,
    file: fileField(plan?.file),
    options,
  });
}

function addBootOptions(options: OptionsInMaking, plan: BootPlan): void {
  // HTTP boot has no boot server discovery, and takes a URL as it is.
  if (plan.vendorClass !== 'HTTPClient') options.set(OPTION.vendorSpecific, plan.vendorOptions ?? LOAD_BOOT_FILE);
  addBootFile(options, plan);
  if (plan.pathPrefix !== undefined) options.set(OPTION.pathPrefix, textBytes(plan.pathPrefix));
}
