// `rackboot scripts results`: the results of the checks and scripts on a machine, complete or as they arrive.
//
// 1. Output is printed once, as it arrives. `[…]` marks what was dropped before.

import { z } from 'zod';
import { MACHINES_PATH } from '../../control/ask-daemon.ts';
import { sleep } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { askRegion, type Where } from '../terminal/asking.ts';
import { print, printJson, printPart, printTable } from '../terminal/output.ts';
import { machineShape } from '../terminal/shapes.ts';
import { findMachine } from './identity.ts';

const POLL_MS = 1000;
/** The states in which scripts run. */
const RUNNING_STATES: ReadonlySet<string> = new Set(['Commissioning', 'Testing']);
/**
 * How many of the last printed characters are searched in the next output, which continues after
 * them.
 */
const OVERLAP_CHARACTERS = 256;

const resultShape = z.looseObject({
  name: z.string(),
  status_name: z.string(),
  exit_status: z.number().nullable(),
  runtime: z.string(),
  endtime: z.number().nullable(),
  starttime: z.number().nullable(),
  output: z.string().optional(),
});
const runShape = z.looseObject({
  id: z.number(),
  type_name: z.string(),
  status_name: z.string(),
  started: z.string().nullable(),
  ended: z.string().nullable(),
  results: z.array(resultShape),
});
type Result = z.infer<typeof resultShape>;
type Run = z.infer<typeof runShape>;

interface ResultArguments extends Where {
  readonly machine: string;
  readonly script?: string | undefined;
  readonly all: boolean;
  readonly follow: boolean;
}

const decode = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString('utf8');

/** @returns 1 if the followed run did not pass @throws RackError `not-found` */
export async function showResults(argv: ResultArguments): Promise<number> {
  const machine = await findMachine(argv, argv.machine);
  const path = `/MAAS/api/2.0/nodes/${machine.system_id}/results/`;
  if (argv.script !== undefined)
    return await printOutput(argv, path, { hostname: machine.hostname, script: argv.script });
  if (argv.follow) return await new Follower(argv, machine.system_id, path).follow();
  const raw = await askRegion(argv, path);
  const runs = z.array(runShape).parse(raw);
  if (argv.json) printJson(argv.all ? raw : runs.slice(0, 1));
  else if (runs.length === 0) print(`${machine.fqdn} has run no scripts yet.`);
  else for (const run of argv.all ? runs : runs.slice(0, 1)) printRun(run);
  return 0;
}

function printRun(run: Run): void {
  print(`${run.type_name} ${run.started ?? 'not started'}: ${run.status_name}`);
  const rows = run.results.map(({ name, status_name: status, exit_status: code, runtime }) => [
    name,
    status,
    code === null ? '' : String(code),
    runtime,
  ]);
  printTable(['NAME', 'RESULT', 'STATUS', 'TIME'], rows, 'Nothing ran.');
}

async function newestRun(where: Where, path: string, query: string): Promise<Run | undefined> {
  const runs = z.array(runShape).parse(await askRegion(where, `${path}?${query}`));
  return runs[0];
}

async function printOutput(
  where: Where,
  path: string,
  { hostname, script }: { readonly hostname: string; readonly script: string },
): Promise<number> {
  const query = new URLSearchParams({ include_output: 'true', filters: script }).toString();
  const [result] = (await newestRun(where, path, query))?.results ?? [];
  if (result === undefined) {
    const names = (await newestRun(where, path, ''))?.results.map(({ name }) => name) ?? [];
    throw new RackError(
      'not-found',
      `${hostname} has no result of ${script}: ${composeNearestHint(script, names)}\`rackboot scripts results ${hostname}\` shows all`,
    );
  }
  printPart(decode(result.output));
  return 0;
}

/** Prints results until the machine has finished. */
class Follower {
  readonly #where: Where;
  readonly #systemId: string;
  readonly #path: string;
  /** The printed text of each script, and whether its end has been printed. */
  readonly #printed = new Map<string, { text: string; isEnded: boolean }>();
  #runId: number | undefined;

  constructor(where: Where, systemId: string, path: string) {
    this.#where = where;
    this.#systemId = systemId;
    this.#path = path;
  }

  async follow(): Promise<number> {
    for (;;) {
      const machine = machineShape.parse(await askRegion(this.#where, `${MACHINES_PATH}${this.#systemId}/`));
      const run = await newestRun(this.#where, this.#path, '');
      if (run !== undefined) await this.#printRun(run);
      if (!RUNNING_STATES.has(machine.status_name)) {
        print(`${machine.fqdn} is ${machine.status_name}.`);
        return run === undefined || run.status_name === 'Passed' ? 0 : 1;
      }
      await sleep(POLL_MS);
    }
  }

  async #printRun(run: Run): Promise<void> {
    // A new run has started.
    if (this.#runId !== run.id) this.#printed.clear();
    this.#runId = run.id;
    const newResults = run.results.filter(
      ({ name, starttime }) => starttime !== null && this.#printed.get(name)?.isEnded !== true,
    );
    if (newResults.length === 0) return;
    const query = new URLSearchParams({
      include_output: 'true',
      filters: newResults.map(({ name }) => name).join(','),
    });
    const raw = await askRegion(this.#where, `${this.#path}${run.id}/?${query.toString()}`);
    for (const result of runShape.parse(raw).results) this.#printResult(result);
  }

  #printResult(result: Result): void {
    const previous = this.#printed.get(result.name);
    if (previous === undefined) print(`── ${result.name}`);
    const text = decode(result.output);
    printPart(newPart(previous?.text ?? '', text));
    const isEnded = result.endtime !== null;
    this.#printed.set(result.name, { text, isEnded });
    if (!isEnded) return;
    const code = result.exit_status === null || result.exit_status === 0 ? '' : ` (status ${result.exit_status})`;
    const gap = text === '' || text.endsWith('\n') ? '' : '\n';
    print(`${gap}── ${result.name}: ${result.status_name}${code}, ${result.runtime}`);
  }
}

/**
 * The text that is new since `printedText`. If the beginning has been dropped, the new text begins
 * after the last characters of `printedText`.
 */
export function newPart(printedText: string, currentText: string): string {
  if (currentText.startsWith(printedText)) return currentText.slice(printedText.length);
  const printedTail = printedText.slice(-OVERLAP_CHARACTERS);
  const index = currentText.lastIndexOf(printedTail);
  return index === -1 ? `\n[…]\n${currentText}` : currentText.slice(index + printedTail.length);
}
