// The guided lab as a program: what it says, its directory, its processes, and its end.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { z } from 'zod';
import { AS_NOBODY, nobodysCache, readableCheckout } from './another-user.ts';
import { ended, endProgram, whileRunning } from './child.ts';
import { runAndLeave } from './closed-output.ts';
import { eventually } from './running-rack.ts';

export const STATE_MS_MAX = 90_000;
/** Another user than root, where this is root. */
export const AS = process.getuid?.() === 0 ? AS_NOBODY : [];

/** The DNS of its first rack. */
export const DNS_PORT = 6053;
export const RACK = '127.77.0.1';

/** The machines as `machines list --json` prints them. */
export const machinesShape = z.array(
  z.looseObject({
    system_id: z.string(),
    hostname: z.string(),
    status_name: z.string(),
    power_state: z.string(),
    power_type: z.string(),
  }),
);

/** A program of the checkout, with its output. */
export class Program {
  readonly child: ChildProcess;
  text = '';

  constructor(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const { root, node } = readableCheckout();
    const [command = node, ...rest] = [...AS, node];
    this.child = spawn(command, [...rest, join(root, 'bin', 'rackboot.js'), ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: root,
      env: { ...process.env, HOME: '/nonexistent', NODE_COMPILE_CACHE: nobodysCache(), NO_COLOR: '1', ...env },
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (bytes: Buffer) => {
        this.text += bytes.toString('utf8');
      });
  }

  /** Waits until it says so. */
  async says(pattern: RegExp, limitMs = STATE_MS_MAX): Promise<RegExpExecArray> {
    const found = eventually(`${pattern} in what it says`, () => pattern.exec(this.text) ?? undefined, limitMs);
    return await whileRunning(this.child, found, () => this.text).catch((error: unknown) => {
      throw new Error(`it said:\n${this.text}`, { cause: error });
    });
  }

  /** Everything it said, when it has ended well. */
  async well(): Promise<string> {
    assert.equal(await ended(this.child), 0, this.text);
    return this.text;
  }
}

/** Starts labs that end, at the latest, after the tests of the suite in which this is called. */
export function labsOfSuite(): (words?: readonly string[], env?: NodeJS.ProcessEnv) => Program {
  const labs: Program[] = [];
  after(async () => {
    for (const { child } of labs) await endProgram(child, 'SIGINT');
  });
  return (words = [], env = {}) => {
    const lab = new Program(['lab', ...words], env);
    labs.push(lab);
    return lab;
  };
}

/** The directory of the lab, as it told it. */
export const directoryOf = async (lab: Program): Promise<string> =>
  (await lab.says(/export RACKBOOT_CONFIG=(\S+)\/lab\.yaml/))[1] ?? '';

/** Processes that have a file of this directory among their arguments. */
export function processesOf(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(directory));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** A line that reports a problem. */
export const PROBLEM = /^ *[\d.]+ s {2}problem/m;

/** Ends a lab as Ctrl-C does where npm passes it on, and looks for leftovers. */
export async function endAndLook(lab: Program): Promise<void> {
  const directory = await directoryOf(lab);
  assert.ok(existsSync(directory));
  const before = lab.text.length;
  lab.child.kill('SIGINT');
  lab.child.kill('SIGINT');
  assert.equal(await endProgram(lab.child, 'SIGINT'), 0, lab.text);
  assert.doesNotMatch(lab.text.slice(before), PROBLEM, 'programs that end report no problem');
  assert.match(lab.text, new RegExp(`The lab has ended\\. Removed: .* and ${directory}\\. Nothing is left\\.\\n$`));
  assert.equal(existsSync(directory), false);
  assert.deepEqual(processesOf(directory), []);
}

/** A lab whose output is closed early ends, with all that it made. */
export async function assertEndsWhenClosedAfter(lines: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-closed-'));
  try {
    const { complaints, output } = await runAndLeave(['lab'], lines, { TMPDIR: directory });
    assert.equal(complaints, '');
    assert.notEqual(output, '');
    assert.deepEqual(readdirSync(directory), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The lab ends with 2, and says why. */
export async function assertLabRefuses(words: readonly string[], complaint: string): Promise<void> {
  const program = new Program(['lab', ...words]);
  assert.equal(await ended(program.child), 2, program.text);
  assert.match(program.text, new RegExp(complaint));
}
