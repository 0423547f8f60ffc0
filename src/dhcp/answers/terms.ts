// The terms of an address (lease time, server identifier, names, boot plan), and the record and
// event that follow.
//
// 1. A record never ends before an earlier promise to the client: if a reply with a shorter time is
//    lost, the client counts on the longer (`earlier-promise.ts`).

import { ANY, formatIpv4, type Ipv4 } from '../../ground/address.ts';
import { later } from '../../ground/clock.ts';
import type { DhcpEvent, DhcpEventKind } from '../events/events.ts';
import { findReservation, isSameClient } from '../leases/allocate.ts';
import type { Lease } from '../leases/lease.ts';
import { shownClass, wireText } from '../leases/lease-report.ts';
import { isActive } from '../leases/lease-table.ts';
import { classesFor, type DhcpClass, joinClassNames, leaseTimeAmong } from '../networks/classes.ts';
import { ClientSubject } from '../networks/conditions.ts';
import { ClientOptions, type OptionTable } from '../networks/configured-options.ts';
import { leaseTimeFor } from '../networks/lease-time.ts';
import { sharedNetworkKey } from '../networks/server-role.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import { clientName, nameToEnter, refusedName } from '../wire/client-fqdn.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionAddress, optionText, optionUuid, vendorClass } from '../wire/options.ts';
import type { RelayInformation } from '../wire/relay-agent.ts';
import { answerFqdn } from './client-name.ts';
import { keepPromise } from './earlier-promise.ts';
import { type DhcpState, type Inquiry, rackAddress } from './inquiry.ts';
import { findRecordOwner } from './record-owner.ts';
import type { Settings } from './reply.ts';

/** Undefined: the rack has no address it could give as its own. */
export function settingsFor(
  inquiry: Inquiry,
  state: DhcpState,
  served: ServedSubnet,
  type: 'offer' | 'ack',
  address: Ipv4,
): Settings | undefined {
  const { client, mac, relay } = inquiry;
  const { subnet } = served;
  const serverAddress = rackAddress(inquiry, served, state.subnets);
  if (serverAddress === undefined) return undefined;
  const machine = state.machines.findByMac(mac);
  const reservation = findReservation(served, inquiry);
  const hostname = machine?.hostname ?? reservation?.hostname;
  const fixedHostname = state.machines.findProtectedName(mac) ?? reservation?.hostname;
  const classes =
    subnet.classes === undefined ? NO_CLASSES : classesFor(subnet.classes, createClassSubject(inquiry, fixedHostname));
  const leaseTime = classes.length === 0 ? undefined : leaseTimeAmong(classes);
  return {
    type,
    served,
    serverAddress,
    serverIdentifier: relay?.serverIdentifierOverride ?? serverAddress,
    address,
    leaseTime: leaseTimeFor(inquiry.message, subnet, client !== undefined, leaseTime, machine, address),
    plan:
      client === undefined
        ? undefined
        : state.planBoot({
            client,
            mac,
            ...shownBy(inquiry),
            serverAddress,
            loaders: classes,
            sharedNetwork: sharedNetworkKey(subnet),
            owner: findRecordOwner(inquiry, state, served),
          }),
    hostname,
    domain: machine === undefined ? reservation?.domain : machine.domain,
    fqdn: address === ANY ? undefined : answerFqdn(inquiry, state, served, address),
    configured: configuredFor(inquiry, fixedHostname, reservation?.options, classes, subnet.options),
    classes: joinClassNames(classes),
  };
}

/** The client as conditions see it; `hostname` is the operator's. */
const createClassSubject = (
  { message, mac, circuitId, client }: Inquiry,
  hostname: string | undefined,
): ClientSubject => new ClientSubject({ message, mac, hostname, circuitId, client });

function configuredFor(
  inquiry: Inquiry,
  hostname: string | undefined,
  host: OptionTable | undefined,
  classes: readonly DhcpClass[],
  network: OptionTable | undefined,
): ClientOptions | undefined {
  if (host === undefined && network === undefined && classes.length === 0) return undefined;
  const tables = [host, ...classes.map(({ options }) => options), network].filter((table) => table !== undefined);
  return tables.length === 0 ? undefined : new ClientOptions(tables, host, createClassSubject(inquiry, hostname));
}

export function findClientClasses(inquiry: Inquiry, state: DhcpState, served: ServedSubnet): readonly DhcpClass[] {
  if (served.subnet.classes === undefined) return NO_CLASSES;
  const hostname = state.machines.findProtectedName(inquiry.mac) ?? findReservation(served, inquiry)?.hostname;
  return classesFor(served.subnet.classes, createClassSubject(inquiry, hostname));
}

const NO_CLASSES: readonly DhcpClass[] = [];

/** Further facts on which a boot plan depends. */
export const shownBy = ({ message: { options } }: Inquiry) => ({
  uuid: optionUuid(options),
  vendorClass: vendorClass(options),
});

/** The server identifier of a NAK; undefined: the rack has no address it could give as its own. */
export function identifierFor(inquiry: Inquiry, state: DhcpState): Ipv4 | undefined {
  if (inquiry.relay?.serverIdentifierOverride !== undefined) return inquiry.relay.serverIdentifierOverride;
  for (const served of inquiry.sharedNetwork) {
    const address = rackAddress(inquiry, served, state.subnets);
    if (address !== undefined) return address;
  }
  return undefined;
}

/** True if the message names this server (option 54) or none. */
export function isOwnIdentifier(inquiry: Inquiry, state: DhcpState): boolean {
  const serverIdentifier = optionAddress(inquiry.message.options, OPTION.serverIdentifier);
  if (serverIdentifier === undefined || serverIdentifier === inquiry.relay?.serverIdentifierOverride) return true;
  return (
    state.subnets.ownAddresses.has(serverIdentifier) ||
    (serverIdentifier !== ANY && serverIdentifier === inquiry.arrival.localAddress)
  );
}

export function leaseFor(inquiry: Inquiry, settings: Settings, state: DhcpState): Lease {
  const { message, mac, now } = inquiry;
  const { subnet } = settings.served;
  const duration = settings.leaseTime ?? subnet.leaseTime;
  const before = state.leases.find(settings.address);
  const renewed = isActive(before, now) && isSameClient(settings.served, before, inquiry) ? before : undefined;
  const hostname = nameToEnter(message.options);
  const isByIdentifier = subnet.identity === 'client-id' || renewed?.identity === 'client-id';
  const lease: Lease = {
    address: settings.address,
    mac,
    state: 'bound',
    grantedAt: now,
    expiresAt: later(now, duration * 1000),
    duration,
    hostname,
    namedAt: renewed !== undefined && renewed.hostname === hostname ? (renewed.namedAt ?? renewed.grantedAt) : now,
    clientId: inquiry.clientId,
    identity: isByIdentifier ? 'client-id' : undefined,
    vendorClass: vendorClass(message.options),
    circuitId: inquiry.circuitId,
    remoteId: inquiry.remoteId,
  };
  return renewed === undefined || renewed.expiresAt <= lease.expiresAt
    ? lease
    : keepPromise(inquiry, subnet, renewed, lease);
}

type ExtraFields = Pick<DhcpEvent, 'source' | 'renewal' | 'circuitId' | 'remoteId'>;

const NO_EXTRA: ExtraFields = {};

export function composeDhcpEvent(
  inquiry: Inquiry,
  kind: DhcpEventKind,
  settings?: Settings,
  extra: ExtraFields = NO_EXTRA,
): DhcpEvent {
  const { message, type, mac, now, arrival, client, sharedNetwork } = inquiry;
  const hostname = settings?.hostname ?? clientName(message.options);
  const event: DhcpEvent = {
    kind,
    at: now,
    mac,
    address: settings?.address,
    subnet: (settings?.served ?? sharedNetwork[0])?.subnet.name,
    interfaceName: arrival.interfaceName,
    leaseSeconds: settings?.leaseTime,
    client: client?.kind,
    architecture: client?.architecture,
    contradiction: client?.contradiction,
    file: settings?.plan?.file,
    hostname,
    vendorClass: shownClass(vendorClass(message.options)),
    classes: settings?.classes,
    waitedSeconds: type === MESSAGE_TYPE.discover ? secondsWaited(message.secs) : undefined,
    source: extra.source,
    renewal: extra.renewal,
    circuitId: extra.circuitId,
    remoteId: extra.remoteId,
  };
  const reason = settings?.plan?.reason;
  const nameRefused = hostname === undefined ? refusedName(message.options) : undefined;
  // Most clients get the built-in loader, and have a name or none.
  if (reason === undefined && nameRefused === undefined) return event;
  return nameRefused === undefined ? { ...event, ...reason } : { ...event, ...reason, nameRefused };
}

/** The event of a reply, with the file it names: options 66 and 67 may have changed the plan's. */
export function eventOfReply(
  inquiry: Inquiry,
  kind: DhcpEventKind,
  settings: Settings,
  reply: DhcpMessage,
  extra: ExtraFields = NO_EXTRA,
): DhcpEvent {
  const { configured, plan } = settings;
  const planned = (): DhcpEvent => composeDhcpEvent(inquiry, kind, settings, extra);
  if (configured === undefined || inquiry.client === undefined) return planned();
  const file = optionText(reply.options, OPTION.bootFileName);
  const fileServer = optionText(reply.options, OPTION.tftpServerName) ?? formatIpv4(reply.siaddr);
  if (file === undefined || (file === plan?.file && fileServer === formatIpv4(plan.serverAddress))) return planned();
  return { ...composeDhcpEvent(inquiry, kind, { ...settings, plan: undefined }, extra), file, fileServer };
}

/** The longest wait that is believed. */
const WAITED_SECONDS_MAX = 3600;

/**
 * Seconds since the client began to ask (RFC 2131 §2); undefined: none, or not credible. Quirk:
 * Windows writes the field least significant byte first. Quirk: GRUB's net_bootp writes the time of
 * day into it (fixtures/packets/dhcp-grub-discover.hex).
 */
function secondsWaited(secs: number): number | undefined {
  const seconds = secs >= 0x100 && (secs & 0xff) === 0 ? secs >>> 8 : secs;
  return seconds === 0 || seconds > WAITED_SECONDS_MAX ? undefined : seconds;
}

/** The switch port by the relay: fields of an event. */
export function describeSwitchPort(relay: RelayInformation | undefined): Pick<DhcpEvent, 'circuitId' | 'remoteId'> {
  if (relay === undefined || (relay.circuitId === undefined && relay.remoteId === undefined)) return NO_PORT;
  return { circuitId: wireText(relay.circuitId), remoteId: wireText(relay.remoteId) };
}

const NO_PORT: Pick<DhcpEvent, 'circuitId' | 'remoteId'> = {};
