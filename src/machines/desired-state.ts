// Validates a desired state from the network or from a cache on disk, before any machine boots by it.
//
// 1. A message with another schema is refused whole. If only a part of it were understood, it could
//    start an installer on the wrong machine.
// 2. A message with a field of the wrong type or beyond its bound is also refused whole. The fault
//    names the field by its path.
// 3. The result contains only known fields.

import { z } from 'zod';
import { cleanText } from '../ground/clean-text.ts';
import { readBoundedJson } from '../ground/json-excess.ts';
import {
  boundedList,
  boundedText,
  type DesiredState,
  MACHINES_MAX,
  RESERVED_HOSTS_MAX,
  rackMachine,
  reservedHost,
  wholeNumber,
} from './machine.ts';
import { parseSettings, SETTINGS_DEPTH_MAX } from './settings.ts';

/**
 * The name by which a rack accepts changes of a state (A-IM), and the region says that it sends
 * them (IM); RFC 3229 §10.
 */
export const STATE_CHANGES_IM = 'rackboot-changes';

/** The version of the messages' form. */
const SCHEMA = 2;

/** A desired state, or its first problem, which names the field by its path. */
type ParsedState =
  | { readonly ok: true; readonly state: DesiredState }
  | { readonly ok: false; readonly problem: string };

/**
 * Bounds of a message as JSON: ample for MACHINES_MAX machines, or for the largest settings instead
 * of machines.
 */
const BOUNDS = {
  depthMax: SETTINGS_DEPTH_MAX + 2,
  valuesMax: 40 * MACHINES_MAX,
  membersMax: 2.5 * MACHINES_MAX,
} as const;

/** The machines are validated one by one later, because only the first fault counts. */
const machineList = boundedList(z.unknown(), MACHINES_MAX);
const stateMessage = z.lazy(() =>
  z.object(
    {
      schema: z.literal(SCHEMA, `${SCHEMA}; rack and region must have the same version`),
      version: wholeNumber<number>(Number.MAX_SAFE_INTEGER),
      machines: machineList,
      settings: z.unknown().optional(),
      reserved: boundedList(reservedHost, RESERVED_HOSTS_MAX).optional(),
    },
    'an object',
  ),
);
const changesMessage = z.lazy(() => stateMessage.unwrap().extend({ gone: boundedList(boundedText, MACHINES_MAX) }));

/** Thrown by the readers below and caught by `parseDesiredState`. */
class Mismatch extends Error {}

/**
 * Reads a message from the network; never throws.
 * @param baseState the state that the message changes; `undefined` if the message is a whole state
 */
export function parseStateText(text: string, baseState: DesiredState | undefined): ParsedState {
  const json = readBoundedJson(text, BOUNDS);
  if (json.kind === 'fault' && json.fault.kind !== 'malformed')
    return { ok: false, problem: 'the desired state is larger, or nests deeper, than any region writes it' };
  const value = json.kind === 'value' ? json.value : undefined;
  return baseState === undefined ? parseDesiredState(value) : parseStateChanges(value, baseState);
}

/** Reads a desired state; never throws. */
export function parseDesiredState(value: unknown): ParsedState {
  return parseSafely(() => decodeStateMessage(readBySchema(stateMessage, value)));
}

/** Reads changes and applies them to `baseState`; never throws. */
export function parseStateChanges(value: unknown, baseState: DesiredState): ParsedState {
  return parseSafely(() => {
    const { gone, ...rest } = readBySchema(changesMessage, value);
    return applyChanges(baseState, decodeStateMessage(rest), gone);
  });
}

function parseSafely(readAll: () => DesiredState): ParsedState {
  try {
    return { ok: true, state: readAll() };
  } catch (error) {
    if (error instanceof Mismatch) return { ok: false, problem: error.message };
    throw error;
  }
}

/** The state with the machines, settings and reserved addresses of `changes`, and without `gone`. */
function applyChanges(baseState: DesiredState, changes: DesiredState, gone: readonly string[]): DesiredState {
  const machines = new Map(baseState.machines.map((machine) => [machine.systemId, machine]));
  for (const systemId of gone) machines.delete(systemId);
  for (const machine of changes.machines) machines.set(machine.systemId, machine);
  const mergedMachines = [...machines.values()];
  readBySchema(machineList, mergedMachines, 'machines');
  return { ...changes, machines: mergedMachines };
}

function decodeStateMessage({ machines, settings, ...rest }: z.output<typeof stateMessage>): DesiredState {
  const state = {
    ...rest,
    machines: machines.map((machine, index) => readBySchema(rackMachine, machine, 'machines', index)),
  };
  if (settings === undefined) return state;
  const parsed = parseSettings(settings);
  if (!parsed.ok) throw new Mismatch(`settings: ${parsed.problem}`);
  return { ...state, settings: parsed.settings };
}

function readBySchema<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  ...parentPath: PropertyKey[]
): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value, { reportInput: true });
  if (success) return data;
  const [issue] = error.issues;
  const path = [...parentPath, ...(issue?.path ?? [])];
  const pathText = path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}${text && '.'}${String(key)}`),
    '',
  );
  throw new Mismatch(
    `${pathText || 'state'}: ${path.at(-1) === 'bootToken' ? 'it' : formatBriefly(issue?.input)} is not ${issue?.message}`,
  );
}

/** Formats a short value as JSON, and any other value as its kind. */
function formatBriefly(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? 'a long text' : cleanText(JSON.stringify(value));
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
