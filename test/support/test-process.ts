// A process that runs test files, for test/run.ts: the result of each test, and the output of the process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { QUICK_IMPORTS, WITHOUT_WARNING } from '../../bin/daemon-flags.js';
import type { FileLine, TestLine } from './line-reporter.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** How many characters of a process's output are kept. */
const OUTPUT_MAX = 16_384;
/** How often a running process is asked for the files that are over, in milliseconds. */
const LOOK_MS = 1000;

export interface Limits {
  /** The longest a single test may take. */
  readonly timeoutMs: number;
  /** The longest that no test of the process may end: it ends then, and says what kept it. */
  readonly silentMs: number;
}

export interface Outcome {
  readonly passed: number;
  /** The failed tests, each with its reason. */
  readonly failures: readonly string[];
  readonly skipped: readonly string[];
  /** The measurements of tests. */
  readonly remarks: readonly string[];
  readonly seconds: number;
  /** Processor time, with that of the processes it started. */
  readonly cpuSeconds: number;
}

export interface Surroundings {
  /** The temporary directory of the tests. */
  readonly place: string;
  /** Of the long suite: its output is printed at once, and files do all their rounds. */
  readonly isLong: boolean;
  /** Called with each file when its tests are over. */
  readonly onFile?: ((file: FileLine) => void) | undefined;
}

/**
 * Runs test files in one process.
 * @param name the file for its lines, in the temporary directory of the run
 */
export async function runTests(
  files: readonly string[],
  limits: Limits,
  name: string,
  { place, isLong, onFile = () => undefined }: Surroundings,
): Promise<Outcome> {
  const from = process.uptime();
  const linesFile = join(process.env.TMPDIR ?? '/tmp', `${name}.lines`);
  // Those of an earlier run of these files.
  rmSync(linesFile, { force: true });
  const support = (file: string): string => join(ROOT, 'test', 'support', file);
  const child = spawn(
    process.execPath,
    [
      WITHOUT_WARNING,
      QUICK_IMPORTS,
      '--import',
      support('file-limit.ts'),
      support('run-files.ts'),
      linesFile,
      String(limits.timeoutMs),
      ...files,
    ],
    {
      cwd: ROOT,
      env: {
        ...process.env,
        TMPDIR: place,
        NODE_TEST_CONTEXT: 'shared',
        RACKBOOT_TEST_SILENT_MS: String(limits.silentMs),
        ...(isLong ? { RACKBOOT_ROUNDS: 'many' } : {}),
      },
      stdio: ['ignore', isLong ? 'inherit' : 'pipe', isLong ? 'inherit' : 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = `${output}${text}`.slice(-OUTPUT_MAX);
    });
  }
  let shown = 0;
  const show = (): readonly TestLine[] => {
    const lines = readLines(linesFile);
    const over = lines.filter((line) => line.kind === 'file');
    for (const file of over.slice(shown)) onFile(file);
    shown = over.length;
    return lines;
  };
  const looks = setInterval(show, LOOK_MS);
  const [code, signal] = await once(child, 'close');
  clearInterval(looks);
  const lines = show();
  const of = <Kind extends TestLine['kind']>(kind: Kind): Extract<TestLine, { kind: Kind }>[] =>
    lines.filter((line): line is Extract<TestLine, { kind: Kind }> => line.kind === kind);
  const failures = of('failed').map((line) => `${line.name} (${line.file})\n${indented(line.why)}`);
  const isWhole = of('end').length > 0;
  if (!isWhole || (code !== 0 && failures.length === 0)) {
    failures.push(`${files.join(' ')} ended ${isWhole ? '' : 'early, '}with ${signal ?? code}`);
  }
  if (failures.length > 0 && output !== '') failures.push(`${name} printed\n${indented(output)}`);
  return {
    passed: of('passed').length,
    failures,
    skipped: of('skipped').map((line) => `${line.name}: ${line.why}`),
    remarks: of('remark').map(({ text }) => text),
    seconds: process.uptime() - from,
    cpuSeconds: of('end').at(-1)?.cpuSeconds ?? 0,
  };
}

function readLines(file: string): readonly TestLine[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line): TestLine => JSON.parse(line));
  } catch {
    // It has not written its first line yet.
    return [];
  }
}

const indented = (text: string): string => text.replaceAll(/^/gm, '    ');
