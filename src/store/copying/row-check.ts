// Checks the rows of a region's data before a copy: a file that was damaged or made by hand may hold values that no region can read.
//
// 1. A value is checked by the code that reads it in a region, and by the bounds of its kind: `columnCheck` by the column's name,
//    `VALUE_CHECKS` for a column alone.
// 2. Everything that a region has written passes.
// 3. A message shows only the row's key, never another value: a column may hold a secret, such as a BMC's password.

import { z } from 'zod';
import { parseSettingValue } from '../../machines/settings.ts';
import { digestOf } from '../../region/records/digest.ts';
import { isStoredFacts } from '../../region/records/hardware-facts.ts';
import { findStatusByNumber } from '../../region/records/lifecycle.ts';
import { readStoredLayout } from '../../region/records/machine-layout.ts';
import { RESOURCE_WISHES } from '../../region/records/resource-wish.ts';
import {
  RESULT_STATUSES,
  readNewestRuns,
  SCRIPT_HARDWARE,
  SCRIPT_KINDS,
  SCRIPT_PARALLEL,
  storedTags,
} from '../../region/records/script-store.ts';
import { isStoredWork } from '../../region/records/work.ts';
import { eventSentence, remarkSentence } from '../../region/words/event.ts';
import { networkColumns, RANGE_KINDS } from '../operations/network-rows.ts';
import { bootColumns } from '../operations/region-boot.ts';
import { parsePowerCommand, parsePowerOutcome } from '../operations/region-power.ts';
import { rackColumns } from '../operations/region-racks.ts';
import { GIVEN_MAX, type Value } from '../operations/region-steps.ts';
import { unpackHappening, unpackRemark } from '../operations/stored-event.ts';
import { type CopiedColumn, type CopiedTable, type CopySource, copiedTables, rowName } from './region-copy.ts';

/** Rows read at a time. */
const CHUNK = 500;
const OTHER_FORM = 'has a form or value that no region writes';
/** The latest time that has a date (ECMA-262 §21.4.1.1), in milliseconds. */
const TIME_MAX = 8.64e15;

/** False or an error: no region can read the value. */
type Check = (value: string | number, row: ReadonlyMap<string, Value>) => boolean;

const within =
  (low: number, high: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= low && Number(value) <= high;

/** True unless `read` throws. */
function reads(read: () => unknown): boolean {
  read();
  return true;
}

const json =
  (schema: z.ZodType): Check =>
  (value) =>
    schema.safeParse(JSON.parse(String(value))).success;

const oneOf =
  (values: readonly string[]): Check =>
  (value) =>
    values.includes(String(value));

const isStatus: Check = (value) => findStatusByNumber(Number(value)) !== undefined;

const isHappening: Check = (params, row) =>
  reads(() => eventSentence(unpackHappening(String(row.get('code')), String(params))));

const rackJson = Object.fromEntries(
  Object.entries(rackColumns).map(([column, schema]) => [`rack.${column}`, json(schema)]),
);

const bootJson = Object.fromEntries(Object.entries(bootColumns).map(([column, schema]) => [column, json(schema)]));

const networkJson = Object.fromEntries(
  Object.entries(networkColumns).map(([column, schema]) => [column, json(schema)]),
);

const VALUE_CHECKS: Readonly<Record<string, Check>> = {
  'machine.status': isStatus,
  'machine.resting_status': isStatus,
  'machine.status_message': (value) => reads(() => remarkSentence(unpackRemark(String(value)))),
  'machine.power_parameters': json(z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))),
  'machine.owner_data': json(z.record(z.string(), z.string())),
  'machine.facts': (value) => isStoredFacts(String(value)),
  'machine.layout': (value) => reads(() => readStoredLayout(String(value))),
  'machine.runs': (value) => reads(() => readNewestRuns(String(value))),
  'machine.work': (value) => isStoredWork(String(value)),
  'machine_pair.params': (params, row) => params === '' || isHappening(params, row),
  'event.params': isHappening,
  ...rackJson,
  ...bootJson,
  ...networkJson,
  'address_range.kind': oneOf(RANGE_KINDS),
  'boot_resource.wish': oneOf(RESOURCE_WISHES),
  'rack_images.images': json(z.array(z.unknown())),
  'setting.value': (value) => parseSettingValue(JSON.parse(String(value))) !== undefined,
  'ssh_key.digest': (value, row) => value === digestOf(String(row.get('key'))),
  'power_command.command': (value) => reads(() => parsePowerCommand(String(value))),
  'power_command.outcome': (value) => reads(() => parsePowerOutcome(String(value))),
  'script.kind': oneOf(SCRIPT_KINDS),
  'script.tags': json(storedTags),
  'script.hardware': oneOf(SCRIPT_HARDWARE),
  'script.parallel': oneOf(SCRIPT_PARALLEL),
  'script_run.purpose': oneOf(SCRIPT_KINDS),
  'script_result.kind': oneOf(['builtin', ...SCRIPT_KINDS]),
  'script_result.status': oneOf(RESULT_STATUSES),
};

/** The check of a column of numbers by its name. */
function columnCheck(name: string): Check {
  if (/^(?:|vouched_)mac$/.test(name)) return within(0, 2 ** 48 - 1);
  if (/^(?:address|home|enlisted_from|gateway|low|high)$/.test(name)) return within(0, 2 ** 32 - 1);
  if (/_ms$/.test(name)) return within(-TIME_MAX, TIME_MAX);
  if (/^(?:is_.*|netboot|power_proposed)$/.test(name)) return within(0, 1);
  if (/(?:^|_)(?:id|version)$|^value$/.test(name)) return within(0, GIVEN_MAX);
  return within(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}

const isNumbers = ({ type }: CopiedColumn): boolean => type === 'INTEGER';

/** The form that the column's type demands. */
function hasType(value: Value, { type, isRequired }: CopiedColumn): boolean {
  if (value === null) return !isRequired;
  if (type === 'BLOB') return value instanceof Uint8Array;
  return type === 'TEXT' ? typeof value === 'string' : typeof value === 'number';
}

/** The first column of a row that no region can read, and why. */
function findFault({ name, columns }: CopiedTable, row: readonly Value[]): string | undefined {
  const named = new Map(columns.map((column, index) => [column.name, row[index] ?? null]));
  for (const [index, column] of columns.entries()) {
    const value = row[index] ?? null;
    const why = hasType(value, column) ? whyUnreadable(name, column, value, named) : typeFault(value, column);
    if (why !== undefined) return `${column.name} ${why}`;
  }
  return undefined;
}

function typeFault(value: Value, { type }: CopiedColumn): string {
  return value === null ? 'is missing' : `is not an exact value of the type ${type}`;
}

function whyUnreadable(
  table: string,
  column: CopiedColumn,
  value: Value,
  row: ReadonlyMap<string, Value>,
): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  if (isNumbers(column) && !columnCheck(column.name)(value, row)) return 'is out of its bounds';
  try {
    return VALUE_CHECKS[`${table}.${column.name}`]?.(value, row) === false ? OTHER_FORM : undefined;
  } catch (error) {
    // A reader throws at a value that it cannot read.
    return error instanceof SyntaxError ? 'is not JSON' : OTHER_FORM;
  }
}

/** Says which row no region can read, why, and what to do; undefined: all can be read. @throws RackError of the database */
export async function findUnreadable(source: CopySource): Promise<string | undefined> {
  for (const table of copiedTables()) {
    for (let done = 0; ; ) {
      const rows = await source.read(table, done, CHUNK);
      if (rows.length === 0) break;
      for (const row of rows) {
        const fault = findFault(table, row);
        if (fault === undefined) continue;
        return `${source.name}: the table ${table.name} has a row that no region can read, ${rowName(table, row)}: ${fault}. Correct or remove it there, or take an older backup`;
      }
      done += rows.length;
    }
    const last = table.givesIds ? await source.lastId(table) : 0;
    if (last > GIVEN_MAX)
      return `${source.name}: the table ${table.name} has given the id ${last}, which leaves too few: take an older backup`;
  }
  return undefined;
}
