// Writes and reads the rows of the table `event`.

import { type Ipv4, type MacAddress, mac as macAddress } from '../../net/address.ts';
import {
  EVENT_LEVELS,
  EVENT_TYPES,
  isEventLevel,
  type MachineEvent,
  type MachineEventLevel,
  type MachineEventType,
  type NewMachineEvent,
} from '../../region/records/machine-event.ts';
import { number, optional, type Row, text } from '../rows.ts';
import { packParams, unpackHappening } from './stored-event.ts';

/** The host that an event concerns while the region knows no machine for it. */
interface Stranger {
  readonly mac: MacAddress;
  readonly address: Ipv4 | undefined;
}

/** The details of an event that a rack reported. */
interface RackOrigin {
  /** The rack's name for the kind of event. */
  readonly kind: string;
  /** Identifies a machine that is not known yet. */
  readonly stranger: Stranger | undefined;
  /** Undefined for the region's own rack. */
  readonly rackId: number | undefined;
}

/** The columns of an event in the order of `eventValues`, and which of them are texts. */
const COLUMNS = [
  'machine_id',
  'at_ms',
  'type',
  'level',
  'kind',
  'code',
  'params',
  'username',
  'mac',
  'address',
  'rack_id',
];
const TEXTS: ReadonlySet<string> = new Set(['type', 'kind', 'code', 'params', 'username']);
export const INSERT_SQL = `INSERT INTO event (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})`;
export const INSERT_ALL_SQL = `INSERT INTO event (${COLUMNS.join(', ')}) SELECT ${COLUMNS.map((column, index) =>
  TEXTS.has(column) ? `one.value ->> ${index}` : `CAST(one.value ->> ${index} AS BIGINT)`,
).join(', ')} FROM rows(?) AS one`;

/** An event to add. `machineId` is undefined if the event concerns no known machine. */
export interface AddedEvent {
  readonly event: NewMachineEvent;
  readonly machineId: number | undefined;
  /** Given if a rack reported it. */
  readonly origin?: RackOrigin | undefined;
}

export const eventValues = ({ event, machineId, origin }: AddedEvent): (string | number | null)[] => [
  machineId ?? null,
  event.atMs,
  event.type,
  EVENT_LEVELS[event.level ?? EVENT_TYPES[event.type].level],
  origin?.kind ?? null,
  event.code,
  packParams(event),
  event.username,
  origin?.stranger?.mac ?? null,
  origin?.stranger?.address ?? null,
  origin?.rackId ?? null,
];

export const readEvent = (row: Row): MachineEvent => {
  const systemId = optional(text('system_id')).read(row);
  const mac = optional(number('mac')).read(row);
  const stranger = systemId !== undefined || mac === undefined ? undefined : macAddress(mac);
  return {
    ...unpackHappening(text('code').read(row), text('params').read(row)),
    id: number('id').read(row),
    atMs: number('at_ms').read(row),
    type: typeOf(text('type').read(row)),
    level: levelOf(number('level').read(row)),
    username: text('username').read(row),
    systemId,
    hostname: optional(text('hostname')).read(row),
    stranger,
    kind: optional(text('kind')).read(row),
    ...(optional(number('rack_id')).read(row) === undefined
      ? {}
      : { rack: optional(text('rack_name')).read(row) ?? '' }),
  };
};

const isType = (name: string): name is MachineEventType => Object.hasOwn(EVENT_TYPES, name);

function typeOf(name: string): MachineEventType {
  return isType(name) ? name : 'NODE_STATUS_EVENT';
}

function levelOf(value: number): MachineEventLevel {
  const name = Object.entries(EVENT_LEVELS).find(([, level]) => level === value)?.[0];
  return name !== undefined && isEventLevel(name) ? name : 'info';
}

/** Reads the hardware address of the host behind an event. */
export const readMac = (row: Row) => macAddress(number('mac').read(row));
