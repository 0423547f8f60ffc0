// Writes and reads the rows of the table `event`.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import type { Difference } from '../../region/records/difference.ts';
import {
  EVENT_LEVELS,
  EVENT_TYPES,
  isEventLevel,
  isEventType,
  type MachineEvent,
  type MachineEventLevel,
  type NewMachineEvent,
} from '../../region/records/machine-event.ts';
import { codec, composeInsertRows, ipv4Column, macColumn, number, optional, type Row, text } from '../rows.ts';
import { packParams, unpackHappening } from './stored-event.ts';

/** The host that an event concerns while the region knows no machine for it. */
interface UnknownHost {
  readonly mac: MacAddress;
  readonly address: Ipv4 | undefined;
}

interface RackOrigin {
  /** The rack's name for the kind of event. */
  readonly kind: string;
  readonly stranger: UnknownHost | undefined;
  /** `undefined` for the region's own rack. */
  readonly rackId: number | undefined;
}

const EVENT = codec({
  machineId: optional(number('machine_id')),
  atMs: number('at_ms'),
  type: text('type'),
  level: number('level'),
  kind: optional(text('kind')),
  code: text('code'),
  params: text('params'),
  username: text('username'),
  mac: optional(macColumn('mac')),
  address: optional(ipv4Column('address')),
  rackId: optional(number('rack_id')),
});
export const INSERT_ALL_SQL = composeInsertRows('event', EVENT.columns);

/** `machineId` is `undefined` if it concerns no known machine. */
export interface AddedEvent {
  readonly event: NewMachineEvent;
  readonly machineId: number | undefined;
  /** Present if a rack reported the event. */
  readonly origin?: RackOrigin | undefined;
  /** For the event of a change: what the change changed. */
  readonly differs?: readonly Difference[] | undefined;
}

export const toEventValues = ({ event, machineId, origin, differs }: AddedEvent) =>
  EVENT.values({
    machineId,
    atMs: event.atMs,
    type: event.type,
    level: EVENT_LEVELS[event.level ?? EVENT_TYPES[event.type].level],
    kind: origin?.kind,
    code: event.code,
    params: packParams(event, differs),
    username: event.username,
    mac: origin?.stranger?.mac,
    address: origin?.stranger?.address,
    rackId: origin?.rackId,
  });

const SHOWN_COLUMNS = codec({
  systemId: optional(text('system_id')),
  hostname: optional(text('hostname')),
  id: number('id'),
});

export const readEvent = (row: Row): MachineEvent => {
  const { code, params, atMs, type, level, username, kind, mac, rackId } = EVENT.read(row);
  const event = SHOWN_COLUMNS.read(row);
  return {
    ...unpackHappening(code, params),
    ...event,
    atMs,
    type: isEventType(type) ? type : 'NODE_STATUS_EVENT',
    level: decodeEventLevel(level),
    username,
    stranger: event.systemId === undefined ? mac : undefined,
    kind,
    ...(rackId === undefined ? {} : { rack: optional(text('rack_name')).read(row) ?? '' }),
  };
};

function decodeEventLevel(value: number): MachineEventLevel {
  const name = Object.entries(EVENT_LEVELS).find(([, level]) => level === value)?.[0];
  return name !== undefined && isEventLevel(name) ? name : 'info';
}

export const readMac = macColumn('mac').read;
