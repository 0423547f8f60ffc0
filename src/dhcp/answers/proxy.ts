// Networks in proxy mode: another DHCP server gives the addresses, and this one tells boot clients what to load. Pure. Sources: the
// PXE specification 2.1 §2.2 and §2.4 (proxyDHCP, option 43, port 4011), RFC 4578; EDK2's PxeBcDhcp4.c; captures of iPXE and OVMF.
//
//   port 67    DISCOVER of a boot client ─→ OFFER without an address: option 60, 43, boot file
//              REQUEST of anybody        ─→ silence; whose address it is, is remembered ("elsewhere")
//              everything else           ─→ silence
//   port 4011  REQUEST, INFORM of a boot client ─→ ACK with the boot file
//
// 1. No address is given, none is denied: there is no lease, no NAK, and nothing here waits for a disk.
// 2. A client that does not boot from the network hears nothing, as if this server were not there; that is counted, not told.
// 3. A client is taken to have an address when it asks another server for it by broadcast. The other server may deny it; then the
//    client asks for another one, which takes the place of the first.
// 4. No sender chooses where an answer goes but itself: a broadcast goes to the clients' port, a unicast into the network.

import type { BootPlan } from '../../boot/plan.ts';
import { ANY, formatIpv4, type Ipv4, networkContains } from '../../net/address.ts';
import type { Destination } from '../../net/datagram.ts';
import type { DhcpEvent, DhcpRefusal } from '../events.ts';
import { denyingAmong, namesOf } from '../networks/classes.ts';
import { type ServedSubnet, subnetOf } from '../networks/subnet.ts';
import { chooseDestination, type DhcpPorts } from '../wire/destination.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { OptionList, type OptionsInMaking } from '../wire/option-list.ts';
import { addressBytes, MESSAGE_TYPE, OPTION, optionAddress, textBytes, u8Bytes } from '../wire/options.ts';
import { findAsker } from './asker.ts';
import { type DhcpDecision, ignore } from './decision.ts';
import { type DhcpState, type Inquiry, rackAddress } from './inquiry.ts';
import { addBootFile, addDemandedEchoes, echo, fileField, replyTo } from './reply.ts';
import { classesOf, eventOf, isOwnIdentifier, shownBy } from './terms.ts';

/** Option 43: PXE_DISCOVERY_CONTROL (6) with bit 3: look for no boot server, load the boot file that is named (PXE 2.1 §2.4). */
const LOAD_BOOT_FILE = Uint8Array.of(6, 1, 8, 255);

/** Decides on a message from a network in proxy mode, or on one to the port of boot servers. */
export function decideProxied(inquiry: Inquiry, state: DhcpState, served: ServedSubnet): DhcpDecision {
  const { arrival, client, type } = inquiry;
  if (arrival.bootServerPort !== undefined) return decideBootServer(inquiry, state, served);
  if (type === MESSAGE_TYPE.request) return decideElsewhere(inquiry, state);
  if (client === undefined) return pass('not-booting');
  return type === MESSAGE_TYPE.discover ? decideOffer(inquiry, state, served) : pass('proxy-silent');
}

/** The first half: what to load, beside the address that another server offers. */
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
    event: eventFor(inquiry, 'dhcp.offer', plan, classes),
  };
}

/** The second half, on its own port: a client that was offered no boot file, or that wants to hear it again. */
function decideBootServer(inquiry: Inquiry, state: DhcpState, served: ServedSubnet): DhcpDecision {
  const { arrival, client, message, type } = inquiry;
  if (served.subnet.proxy !== true) return ignore(inquiry, 'network-not-proxied', message.ciaddr);
  if (client === undefined) return pass('not-booting');
  if (type !== MESSAGE_TYPE.request && type !== MESSAGE_TYPE.inform) return ignore(inquiry, 'message-type-unknown');
  // A forged address would have somebody far away sent an answer.
  const isNear = message.ciaddr === ANY || networkContains(served.subnet.network, message.ciaddr);
  if (!isNear) return ignore(inquiry, 'wrong-network', message.ciaddr);
  // What is broadcast may be meant for another boot server; what came to this rack's own address is for it, whatever it names.
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
 * The client has an address by now, and waits at the port by which it asked (PXE 2.1 §2.2). One that says none hears a broadcast, which
 * goes to the port of DHCP clients whatever port it names: everybody on the wire gets it.
 */
const towards = ({ ciaddr }: DhcpMessage, port: number, { clientPort }: DhcpPorts): Destination =>
  ciaddr === ANY ? { kind: 'broadcast', port: clientPort } : { kind: 'unicast', address: ciaddr, port };

/** A REQUEST to the other server, by broadcast: it tells whose address is whose. */
function decideElsewhere(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { client, sharedNetwork, mac, message, now } = inquiry;
  const requested = optionAddress(message.options, OPTION.requestedAddress);
  const address = requested ?? (message.ciaddr === ANY ? undefined : message.ciaddr);
  if (address === undefined || subnetOf(sharedNetwork, address) === undefined) return pass('proxy-silent');
  const claim = { address, mac, at: now };
  const server = optionAddress(message.options, OPTION.serverIdentifier);
  const told = server === undefined ? undefined : formatIpv4(server);
  const event: DhcpEvent = { ...eventOf(inquiry, 'dhcp.elsewhere'), address, server: told };
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
  const loaders = classesOf(inquiry, state, served);
  const classes = namesOf(loaders);
  const denying = denyingAmong(loaders);
  if (denying !== undefined) return { kind: 'refused', reason: 'class-denied', classes: denying.name };
  const asker = findAsker(inquiry, state, served);
  const plan = state.planBoot({ client, mac, ...shownBy(inquiry), serverAddress, loaders, proxied: true, asker });
  if (plan === undefined) return { kind: 'refused', reason: 'no-loader', classes };
  return { kind: 'plan', plan, serverAddress, classes };
}

function eventFor(inquiry: Inquiry, kind: DhcpEvent['kind'], plan: BootPlan, classes: string | undefined): DhcpEvent {
  return { ...eventOf(inquiry, kind), file: plan.file, planReason: plan.reason, proxied: true, classes };
}

/** @param plan undefined: no boot file yet, the client is to ask the port of boot servers */
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
  // An offer that does not say what it is would be taken for one of an address.
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
  // HTTP boot knows no boot server discovery, and takes a URL as it is.
  if (plan.vendorClass !== 'HTTPClient') options.set(OPTION.vendorSpecific, plan.vendorOptions ?? LOAD_BOOT_FILE);
  addBootFile(options, plan);
  if (plan.pathPrefix !== undefined) options.set(OPTION.pathPrefix, textBytes(plan.pathPrefix));
}
