// Validates a desired state from the network or from a cache on disk, before any machine boots by it.
//
// 1. A message with another schema is refused whole: half understood, it could start an installer on the wrong machine.
// 2. So is a message with a field of the wrong type or beyond its bound; the fault names the field by its path.
// 3. The result contains only known fields.

import { cleanText } from '../clean-text.ts';
import { type Fields, isFields } from '../fields.ts';
import { readBoundedJson } from '../json-excess.ts';
import { type Ipv4, ipv4, type MacAddress, mac } from '../net/address.ts';
import type { BootPurpose, DesiredState, MachineAddress, RackMachine, ReservedHost } from './machine.ts';
import { parseSettings, SETTINGS_DEPTH_MAX, type Settings } from './settings.ts';

/** The name by which a rack accepts changes of a state (A-IM), and the region says that it sends them (IM); RFC 3229 §10. */
export const STATE_CHANGES_IM = 'rackboot-changes';

/** The version of the messages' form. */
const SCHEMA = 2;

/** Bounds of one message. */
export const MACHINES_MAX = 100_000;
export const MACHINE_MACS_MAX = 256;
export const MACHINE_ADDRESSES_MAX = 1024;
/** As many as a region has. */
const MACHINE_TAGS_MAX = 10_000;
export const RESERVED_HOSTS_MAX = 16_384;
/** The longest text of any field, in UTF-16 units. */
export const MACHINE_TEXT_MAX = 4096;

/** A desired state, or its first problem, which names the field by its path. */
type ParsedState =
  | { readonly ok: true; readonly state: DesiredState }
  | { readonly ok: false; readonly problem: string };

/** Bounds of a message as JSON; ample for MACHINES_MAX machines, and for all settings in their place. */
const BOUNDS = {
  depthMax: SETTINGS_DEPTH_MAX + 2,
  valuesMax: 40 * MACHINES_MAX,
  membersMax: 2.5 * MACHINES_MAX,
} as const;

const PURPOSES: ReadonlySet<string> = new Set<BootPurpose>(['enlist', 'commissioning', 'install', 'local', 'poweroff']);
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Tokens that need no quoting on any kernel line. */
const BOOT_TOKEN = /^[A-Za-z0-9_-]{22,64}$/;
const MAC_MAX = 0xffffffffffff;
const IPV4_MAX = 0xffffffff;

/** Thrown by the readers below and caught by `parseDesiredState`. */
class Mismatch extends Error {}

const mismatch = (path: string, value: unknown, wanted: string): Mismatch =>
  new Mismatch(`${path}: ${shown(value)} is not ${wanted}`);

/**
 * Reads a message from the network; never throws.
 * @param before the state that the message changes; undefined: the message is a whole state
 */
export function parseStateText(text: string, before: DesiredState | undefined): ParsedState {
  const json = readBoundedJson(text, BOUNDS);
  if (json.kind === 'fault' && json.fault.kind !== 'malformed')
    return { ok: false, problem: 'the desired state is larger, or nests deeper, than any region writes it' };
  const value = json.kind === 'value' ? json.value : undefined;
  return before === undefined ? parseDesiredState(value) : parseStateChanges(value, before);
}

/** Reads a desired state; never throws. */
export function parseDesiredState(value: unknown): ParsedState {
  return parsed(() => readState(value));
}

/** Reads changes, and applies them to the state that they are for; never throws. */
export function parseStateChanges(value: unknown, before: DesiredState): ParsedState {
  return parsed(() => changed(before, readState(value), readGone(value)));
}

function parsed(read: () => DesiredState): ParsedState {
  try {
    return { ok: true, state: read() };
  } catch (error) {
    if (error instanceof Mismatch) return { ok: false, problem: error.message };
    throw error;
  }
}

const readGone = (value: unknown): readonly string[] =>
  readList(readFields(value, 'state').gone, 'gone', MACHINES_MAX).map((systemId, index) =>
    readText(systemId, `gone[${index}]`),
  );

/** The state with the machines, settings and reserved addresses of `changes`, and without `gone`. */
function changed(before: DesiredState, changes: DesiredState, gone: readonly string[]): DesiredState {
  const machines = new Map(before.machines.map((machine) => [machine.systemId, machine]));
  for (const systemId of gone) machines.delete(systemId);
  for (const machine of changes.machines) machines.set(machine.systemId, machine);
  const whole = [...machines.values()];
  readList(whole, 'machines', MACHINES_MAX);
  return { ...changes, machines: whole };
}

function readState(value: unknown): DesiredState {
  const fields = readFields(value, 'state');
  if (fields.schema !== SCHEMA)
    throw mismatch('schema', fields.schema, `${SCHEMA}; rack and region must have the same version`);
  const settings = readSettings(fields.settings);
  return {
    schema: SCHEMA,
    version: readInteger(fields.version, 'version', Number.MAX_SAFE_INTEGER),
    machines: readList(fields.machines, 'machines', MACHINES_MAX).map((machine, index) =>
      readMachine(machine, `machines[${index}]`),
    ),
    ...(settings === undefined ? {} : { settings }),
    ...(fields.reserved === undefined ? {} : { reserved: readReserved(fields.reserved) }),
  };
}

const readReserved = (value: unknown): readonly ReservedHost[] =>
  readList(value, 'reserved', RESERVED_HOSTS_MAX).map((one, index) => {
    const path = `reserved[${index}]`;
    const { address, mac: host, hostname, domain } = readFields(one, path);
    return {
      address: readIpv4(address, `${path}.address`),
      ...(host === undefined ? {} : { mac: readMac(host, `${path}.mac`) }),
      ...(hostname === undefined ? {} : { hostname: readText(hostname, `${path}.hostname`) }),
      ...(domain === undefined ? {} : { domain: readText(domain, `${path}.domain`) }),
    };
  });

function readSettings(value: unknown): Settings | undefined {
  if (value === undefined) return undefined;
  const parsed = parseSettings(value);
  if (!parsed.ok) throw new Mismatch(`settings: ${parsed.problem}`);
  return parsed.settings;
}

function readMachine(value: unknown, path: string): RackMachine {
  const fields = readFields(value, path);
  const text = (name: string): string => readText(fields[name], `${path}.${name}`);
  const optionalText = (name: string): string | undefined => (fields[name] === undefined ? undefined : text(name));
  const uuid = optionalText('uuid');
  if (uuid !== undefined && !UUID.test(uuid)) throw mismatch(`${path}.uuid`, uuid, 'a UUID in lower case');
  return {
    systemId: text('systemId'),
    hostname: text('hostname'),
    domain: text('domain'),
    statusName: cleanText(text('statusName')),
    purpose: readPurpose(fields.purpose, `${path}.purpose`),
    architecture: text('architecture'),
    subarchitecture: text('subarchitecture'),
    release: optionalText('release'),
    macs: readList(fields.macs, `${path}.macs`, MACHINE_MACS_MAX).map((one, index) =>
      readMac(one, `${path}.macs[${index}]`),
    ),
    uuid,
    addresses: readList(fields.addresses, `${path}.addresses`, MACHINE_ADDRESSES_MAX).map((one, index) =>
      readAddress(one, `${path}.addresses[${index}]`),
    ),
    kernelParams: optionalText('kernelParams'),
    ...(fields.tags === undefined ? {} : { tags: readTexts(fields.tags, `${path}.tags`, MACHINE_TAGS_MAX) }),
    ...(fields.pool === undefined ? {} : { pool: text('pool') }),
    ...(readFlag(fields.isSelfNamed, `${path}.isSelfNamed`) ? { isSelfNamed: true } : {}),
    ...(fields.home === undefined ? {} : { home: readIpv4(fields.home, `${path}.home`) }),
    ...(fields.bootToken === undefined ? {} : { bootToken: readToken(fields.bootToken, `${path}.bootToken`) }),
  };
}

const readTexts = (value: unknown, path: string, countMax: number): readonly string[] =>
  readList(value, path, countMax).map((one, index) => readText(one, `${path}[${index}]`));

function readFlag(value: unknown, path: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value === true;
  throw mismatch(path, value, 'true or false');
}

/** Reads a secret, which the fault does not show. */
function readToken(value: unknown, path: string): string {
  if (typeof value === 'string' && BOOT_TOKEN.test(value)) return value;
  throw new Mismatch(`${path}: not 22 to 64 letters, digits, - or _`);
}

function readAddress(value: unknown, path: string): MachineAddress {
  const fields = readFields(value, path);
  return { mac: readMac(fields.mac, `${path}.mac`), address: readIpv4(fields.address, `${path}.address`) };
}

const readMac = (value: unknown, path: string): MacAddress => mac(readInteger(value, path, MAC_MAX));
const readIpv4 = (value: unknown, path: string): Ipv4 => ipv4(readInteger(value, path, IPV4_MAX));

const isPurpose = (value: unknown): value is BootPurpose => typeof value === 'string' && PURPOSES.has(value);

function readPurpose(value: unknown, path: string): BootPurpose {
  if (!isPurpose(value)) throw mismatch(path, value, 'a boot purpose');
  return value;
}

function readFields(value: unknown, path: string): Fields {
  if (!isFields(value)) throw mismatch(path, value, 'an object');
  return value;
}

function readList(value: unknown, path: string, countMax: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > countMax) throw mismatch(path, value, `a list of at most ${countMax}`);
  return value;
}

function readText(value: unknown, path: string): string {
  if (typeof value !== 'string' || value.length > MACHINE_TEXT_MAX)
    throw mismatch(path, value, `a text of at most ${MACHINE_TEXT_MAX} characters`);
  return value;
}

function readInteger(value: unknown, path: string, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max)
    throw mismatch(path, value, `a whole number from 0 to ${max}`);
  return value;
}

/** A short value as JSON, else its kind. */
function shown(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? 'a long text' : cleanText(JSON.stringify(value));
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
