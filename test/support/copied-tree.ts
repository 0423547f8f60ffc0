// A copy of the tree in which the product is changed, to see that a test then fails.

import { execFileSync, spawn } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const COPIED = ['src', 'test', 'bin', 'config', 'docs', 'fixtures', 'package.json', 'tsconfig.json'];
/** After its tests have timed out, a file has this many seconds to report which of them failed. Then it is killed. */
const SPARE_SECONDS = 15;

/** The result of a test file. `silent`: all failures were timeouts. */
export type Outcome = 'passed' | 'failed' | 'silent';

export interface Ran {
  readonly outcome: Outcome;
  /** Its output, as TAP. */
  readonly said: string;
}

export class CopiedTree {
  readonly #root: string;

  constructor(name: string) {
    this.#root = mkdtempSync(join(tmpdir(), `rackboot-${name}-`));
    for (const part of COPIED) cpSync(join(ROOT, part), join(this.#root, part), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(this.#root, 'node_modules'));
    // Tests of the tree itself ask git for its files.
    execFileSync('git', ['init', '--quiet', this.#root]);
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  /** The first file of the product. */
  get main(): string {
    return join(this.#root, 'src', 'main.ts');
  }

  /** The files of `src`, below it. */
  get files(): readonly string[] {
    return globSync('**/*.ts', { cwd: join(this.#root, 'src') });
  }

  /** @param file below `src` */
  read(file: string): string {
    return readFileSync(join(this.#root, 'src', file), 'utf8');
  }

  /**
   * Does something while files of `src` have other texts, and puts them back.
   * @throws SyntaxError if one of the texts does not parse: a test that fails for that reason shows nothing
   */
  async changed<T>(texts: ReadonlyMap<string, string>, action: () => Promise<T>): Promise<T> {
    for (const text of texts.values()) stripTypeScriptTypes(text);
    const before = new Map([...texts.keys()].map((file) => [file, this.read(file)]));
    try {
      for (const [file, text] of texts) writeFileSync(join(this.#root, 'src', file), text);
      return await action();
    } finally {
      for (const [file, text] of before) writeFileSync(join(this.#root, 'src', file), text);
    }
  }

  /** Runs one test file below `test`. @param secondsMax for each of its tests, and for all together */
  async run(test: string, secondsMax: number, options: readonly string[] = []): Promise<Ran> {
    const words = ['--test', '--test-reporter=tap', `--test-timeout=${secondsMax * 1000}`, ...options];
    const { NODE_TEST_CONTEXT: _own, ...env } = process.env;
    const child = spawn(process.execPath, [...words, join(this.#root, 'test', test)], {
      cwd: this.#root,
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString('utf8');
    });
    const end = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), (secondsMax + SPARE_SECONDS) * 1000);
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    clearTimeout(end);
    const [own] = /(?:ReferenceError|SyntaxError)[^\n]*/.exec(said) ?? [];
    if (own !== undefined) throw new Error(`${test}, with a changed tree: ${own}`);
    if (code === 0) return { outcome: 'passed', said };
    return {
      outcome: /failureType: '(?:testCodeFailure|hookFailed|uncaughtException|unhandledRejection)'/.test(said)
        ? 'failed'
        : 'silent',
      said,
    };
  }
}
