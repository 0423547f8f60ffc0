// Composes replies. Sources: RFC 2131 §4.3.1 (which options; table 3), RFC 6842 (client identifier
// echoed), RFC 3011 (118 echoed), RFC 4578 §2.3 (97 echoed), RFC 4702 §4 (81), RFC 5071 §2.4 (210).
//
// 1. The reply follows the parameter request list (`option-order.ts`). Mask and router always come;
//    a client without a list (GRUB's own DHCP) also gets name servers, domain, broadcast address
//    and host name.
// 2. Options that do not fit are left out, least important first.
// 3. Boot fields are sent even unrequested. They depend on the client that asks now, never on a
//    stored name. A configured option replaces one only if it has a condition or is forced, but
//    never option 60 for UEFI HTTP boot or option 43 for firmware that needs it.
// 4. Every client gets a next server (`siaddr`), by default the rack. Quirk: GRUB's own DHCP shows
//    no sign of a network boot (no option 60 or 93), and GRUB before 2.12 ends at its prompt after
//    HTTP boot if it has no next server.
// 5. A configured option overrides the network's own keys, but only a host entry overrides the name
//    and domain of a known machine.

import type { BootPlan } from '../../boot/plan.ts';
import { ANY, formatIpv4, type Ipv4, parseIpv4 } from '../../ground/address.ts';
import type { Seconds } from '../../ground/clock.ts';
import type { ClientOptions } from '../networks/configured-options.ts';
import { leaseTimeBytes } from '../networks/network-options.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import {
  BOOT_REPLY,
  BROADCAST_FLAG,
  type DhcpMessage,
  type EncodedMessage,
  encodeDhcpMessage,
} from '../wire/message.ts';
import { type DhcpOptions, OptionList, type OptionsInMaking } from '../wire/message-options.ts';
import { inAskedOrder } from '../wire/option-order.ts';
import {
  addressBytes,
  domainNameBytes,
  MESSAGE_TYPE,
  OPTION,
  optionText,
  optionU16,
  textBytes,
  u8Bytes,
} from '../wire/options.ts';
import type { Inquiry } from './inquiry.ts';

/** The largest message every client must accept: a 576-byte IP datagram without its headers (RFC 2131 §2). */
const CLIENT_BYTES_MIN = 548;
/** The largest message that fits an Ethernet frame. */
const FRAME_BYTES_MAX = 1472;
const HEADER_BYTES = 28;
/** The longest text of the `file` field, without its final zero. */
const FILE_CHARACTERS_MAX = 127;
/** iPXE's option 175, sub-option 176 with value 1: do not wait for a proxy DHCP server. */
const IPXE_NO_PROXY = Uint8Array.of(176, 1, 1);
/** The options for a client without a parameter request list. */
const DEFAULT_PARAMETERS: readonly number[] = [
  OPTION.domainNameServer,
  OPTION.domainName,
  OPTION.broadcastAddress,
  OPTION.hostName,
];

/** Options that decide how a machine boots: the boot plan's, if there is one. */
const BOOT_CODES: readonly number[] = [
  OPTION.vendorSpecific,
  OPTION.vendorClass,
  OPTION.tftpServerName,
  OPTION.bootFileName,
  OPTION.pathPrefix,
];

export interface Settings {
  readonly type: 'offer' | 'ack';
  readonly served: ServedSubnet;
  /** The rack's own in the client's network. */
  readonly serverAddress: Ipv4;
  /** Option 54. */
  readonly serverIdentifier: Ipv4;
  /** `yiaddr`; 0.0.0.0 in the answer to an INFORM. */
  readonly address: Ipv4;
  /** Undefined in the answer to an INFORM (RFC 2131 §4.3.5). */
  readonly leaseTime: Seconds | undefined;
  /** Undefined if the client does not boot from the network, or no plan is known for it. */
  readonly plan: BootPlan | undefined;
  readonly hostname: string | undefined;
  /** The machine's own; undefined: the network's. */
  readonly domain: string | undefined;
  /** Option 81; undefined: the client sent none, or gets no address. */
  readonly fqdn?: Uint8Array | undefined;
  readonly configured?: ClientOptions | undefined;
  readonly classes?: string | undefined;
}

/**
 * The longest message the client accepts, in bytes: its option 57, without headers and at most an
 * Ethernet frame. Option 82 does not count: who added it removes it (RFC 3046 §2.1).
 */
export function replyBytesMax(request: DhcpMessage): number {
  const clientMax = optionU16(request.options, OPTION.maximumMessageSize) ?? 0;
  return Math.min(Math.max(clientMax - HEADER_BYTES, CLIENT_BYTES_MIN), FRAME_BYTES_MAX);
}

/** Encodes a reply within what the client accepts, option 82 on top. */
export const encodeReply = (reply: DhcpMessage, request: DhcpMessage): EncodedMessage =>
  encodeDhcpMessage(reply, replyBytesMax(request), FRAME_BYTES_MAX);

export function composeReply(inquiry: Inquiry, settings: Settings): DhcpMessage {
  const { message } = inquiry;
  const { plan, configured } = settings;
  const options = new OptionList();
  options.set(OPTION.messageType, TYPE_BYTES[settings.type]);
  options.set(OPTION.serverIdentifier, identifierBytes(settings));
  addTimes(options, settings);
  addDemandedEchoes(options, message);
  const list = message.options.get(OPTION.parameterRequestList);
  addParameter(options, OPTION.subnetMask, settings, configured);
  const isRouted = configured !== undefined && addRoutes(options, list, configured);
  if (!isRouted) addParameter(options, OPTION.router, settings, configured);
  if (plan !== undefined) addBootOptions(options, inquiry, plan, configured);
  for (const code of list ?? DEFAULT_PARAMETERS) {
    if (!options.has(code)) addParameter(options, code, settings, configured);
  }
  if (configured !== undefined) addUnasked(options, list, settings, configured);
  if (plan !== undefined) echo(options, message, OPTION.clientUuid);
  if (settings.fqdn !== undefined) options.set(OPTION.clientFqdn, settings.fqdn);
  const fields = configured === undefined ? undefined : bootFields(options, inquiry, settings);
  const reply = replyTo(message, {
    ciaddr: settings.type === 'ack' ? message.ciaddr : ANY,
    yiaddr: settings.address,
    siaddr: plan?.serverAddress ?? settings.serverAddress,
    file: fileField(plan?.file),
    options: list === undefined || followsRequest(list, settings) ? options : inAskedOrder(options, list),
  });
  return fields === undefined ? reply : { ...reply, ...fields };
}

/**
 * True if the options already follow the request list: only mask and router, which begin it, are
 * added before it.
 */
function followsRequest(list: Uint8Array, { plan, fqdn, configured }: Settings): boolean {
  if (plan !== undefined || fqdn !== undefined || configured !== undefined) return false;
  return list[0] === OPTION.subnetMask && list[1] === OPTION.router;
}

/** The values of option 53 in these replies. */
const TYPE_BYTES = { offer: u8Bytes(MESSAGE_TYPE.offer), ack: u8Bytes(MESSAGE_TYPE.ack) };

function identifierBytes({ serverIdentifier, served: { subnet, options } }: Settings): Uint8Array {
  const encoded = serverIdentifier === subnet.serverAddress ? options.serverIdentifier : undefined;
  return encoded ?? addressBytes(serverIdentifier);
}

function addTimes(options: OptionsInMaking, { leaseTime, served }: Settings): void {
  if (leaseTime === undefined) return;
  const { subnet } = served;
  const times = leaseTime === subnet.leaseTime ? served.options.times : leaseTimeBytes(subnet, leaseTime);
  options.set(OPTION.leaseTime, times.lease);
  options.set(OPTION.renewalTime, times.renewal);
  options.set(OPTION.rebindingTime, times.rebinding);
}

/** `text` tells a person the reason. */
export function composeNak(message: DhcpMessage, serverIdentifier: Ipv4, text: string): DhcpMessage {
  const options = new OptionList();
  options.set(OPTION.messageType, u8Bytes(MESSAGE_TYPE.nak));
  options.set(OPTION.serverIdentifier, addressBytes(serverIdentifier));
  addDemandedEchoes(options, message);
  options.set(OPTION.message, textBytes(text));
  // RFC 2131 §4.3.2: the relay must broadcast a NAK: the client may have no usable address.
  const flags = message.giaddr === ANY ? message.flags : message.flags | BROADCAST_FLAG;
  return replyTo(message, { flags, options });
}

type ReplyContent = Partial<Pick<DhcpMessage, 'flags' | 'ciaddr' | 'yiaddr' | 'siaddr' | 'file'>> &
  Pick<DhcpMessage, 'options'>;

/** A reply with the fields copied from its request (RFC 2131 table 3); others are zero or empty. */
export function replyTo(request: DhcpMessage, content: ReplyContent): DhcpMessage {
  const { htype, hlen, xid, giaddr, chaddr } = request;
  const { flags = request.flags, ciaddr = ANY, yiaddr = ANY, siaddr = ANY, file = '', options } = content;
  return {
    op: BOOT_REPLY,
    htype,
    hlen,
    hops: 0,
    xid,
    secs: 0,
    flags,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    chaddr,
    sname: '',
    file,
    options,
  };
}

/** The `file` field; empty if the name does not fit, because option 67 carries it too. */
export const fileField = (name = ''): string => (name.length <= FILE_CHARACTERS_MAX ? name : '');

/** Adds options 66 and 67: the plan's server, and its loader's name if any. */
export function addBootFile(options: OptionsInMaking, plan: BootPlan): void {
  options.set(OPTION.tftpServerName, textBytes(formatIpv4(plan.serverAddress)));
  // Quirk: EDK2 and several shim releases read past a boot file option that does not end in a zero byte.
  if (plan.file !== undefined) options.set(OPTION.bootFileName, textBytes(`${plan.file}\0`));
}

function addBootOptions(
  options: OptionsInMaking,
  inquiry: Inquiry,
  plan: BootPlan,
  configured: ClientOptions | undefined,
): void {
  addBootFile(options, plan);
  // Quirk: EDK2 takes option 60 `PXEClient` in an offer as a request for boot server discovery on
  // port 4011, so it is sent only if the plan asks for it: UEFI HTTP boot ignores offers without
  // `HTTPClient`.
  if (plan.vendorClass !== undefined) options.set(OPTION.vendorClass, textBytes(plan.vendorClass));
  if (plan.vendorOptions !== undefined) options.set(OPTION.vendorSpecific, plan.vendorOptions);
  if (plan.pathPrefix !== undefined) options.set(OPTION.pathPrefix, textBytes(plan.pathPrefix));
  if (inquiry.client?.kind === 'ipxe') options.set(OPTION.ipxe, IPXE_NO_PROXY);
  if (configured !== undefined) addBootOverrides(options, inquiry, configured);
}

function addBootOverrides(options: OptionsInMaking, inquiry: Inquiry, configured: ClientOptions): void {
  for (const code of BOOT_CODES) {
    const entry = configured.find(code);
    if (entry === undefined || (!entry.force && entry.when === undefined)) continue;
    // Firmware would not boot without the plan's values of these.
    const isNeeded = code === OPTION.vendorClass || code === OPTION.vendorSpecific;
    if (isNeeded && options.has(code)) continue;
    options.set(code, entry.value);
  }
  const ipxe = inquiry.client?.kind === 'ipxe' ? configured.find(OPTION.ipxe) : undefined;
  if (ipxe !== undefined) options.set(OPTION.ipxe, ipxe.value);
}

/** Quirk: firmware reads past a name without a zero byte. */
const zeroEnded = (bytes: Uint8Array): Uint8Array => (bytes.at(-1) === 0 ? bytes : Uint8Array.of(...bytes, 0));

/**
 * Adds configured routes for a client that asks for them, which then gets neither router nor static
 * routes (RFC 3442).
 * @returns false if the client gets none
 */
function addRoutes(options: OptionsInMaking, list: Uint8Array | undefined, configured: ClientOptions): boolean {
  if (list?.includes(OPTION.classlessRoutes) !== true) return false;
  const routes = configured.find(OPTION.classlessRoutes);
  if (routes !== undefined) options.set(OPTION.classlessRoutes, routes.value);
  return routes !== undefined;
}

/** Adds options not asked for: the forced ones, or all if the client sent no list. */
function addUnasked(
  options: OptionsInMaking,
  list: Uint8Array | undefined,
  settings: Settings,
  configured: ClientOptions,
): void {
  for (const code of list === undefined ? configured.codes() : configured.forced()) {
    if (options.has(code)) continue;
    if (list === undefined || configured.find(code)?.force === true) addParameter(options, code, settings, configured);
  }
}

/** The boot fields if options may come from the operator: as in options 66 and 67. */
function bootFields(
  options: OptionsInMaking,
  inquiry: Inquiry,
  { plan, serverAddress, configured }: Settings,
): Pick<DhcpMessage, 'siaddr' | 'file'> {
  const name = options.get(OPTION.bootFileName);
  const file = optionText(options, OPTION.bootFileName);
  const named = chooseNextServer(options, plan, configured);
  const siaddr = named ?? plan?.serverAddress ?? serverAddress;
  if (name === undefined || file === undefined) return { siaddr, file: '' };
  if (inquiry.client !== undefined) options.set(OPTION.bootFileName, zeroEnded(name));
  return { siaddr, file: fileField(file) };
}

/** The next server the operator named (option 66), even unrequested for a client without a plan. */
function chooseNextServer(options: DhcpOptions, plan: BootPlan | undefined, configured: ClientOptions | undefined) {
  const serverName = optionText(options, OPTION.tftpServerName);
  const entry = serverName === undefined && plan === undefined ? configured?.find(OPTION.tftpServerName) : undefined;
  return parseIpv4(
    serverName ?? (entry === undefined ? '' : Buffer.from(entry.value).toString('latin1').replace(/\0+$/, '')),
  );
}

function addParameter(
  options: OptionsInMaking,
  code: number,
  settings: Settings,
  configured: ClientOptions | undefined,
): void {
  const value =
    configured === undefined ? parameter(code, settings) : configuredParameter(code, options, settings, configured);
  if (value !== undefined && value.length > 0) options.set(code, value);
}

function configuredParameter(
  code: number,
  options: DhcpOptions,
  settings: Settings,
  configured: ClientOptions,
): Uint8Array | undefined {
  // Boot options come from the plan and were decided with it.
  if (settings.plan !== undefined && BOOT_CODES.includes(code)) return undefined;
  const isRoute = code === OPTION.router || code === OPTION.staticRoutes;
  if (isRoute && options.has(OPTION.classlessRoutes)) return undefined;
  const isOfMachine =
    (code === OPTION.hostName && settings.hostname !== undefined) ||
    (code === OPTION.domainName && settings.domain !== undefined);
  const entry = isOfMachine ? configured.findOfHost(code) : configured.find(code);
  return entry?.value ?? parameter(code, settings);
}

/** The machine's own settings override its network's. */
function parameter(code: number, { served, hostname, domain }: Settings): Uint8Array | undefined {
  if (code === OPTION.hostName) return hostname === undefined ? undefined : textBytes(hostname);
  if (domain !== undefined && code === OPTION.domainName) return textBytes(domain);
  if (domain !== undefined && code === OPTION.domainSearch) return domainNameBytes(domain);
  return served.options.byCode.get(code);
}

/**
 * Echoes options to clients that sent them: RFC 6842 §3, RFC 3011 §2, RFC 3046 §2.2; option 82 is
 * always written last.
 */
export function addDemandedEchoes(options: OptionsInMaking, request: DhcpMessage): void {
  echo(options, request, OPTION.subnetSelection);
  echo(options, request, OPTION.clientIdentifier);
  echo(options, request, OPTION.relayAgentInformation);
}

export function echo(options: OptionsInMaking, request: DhcpMessage, code: number): void {
  const value = request.options.get(code);
  if (value !== undefined) options.set(code, value);
}
