// Many commands of the command line in one process, one after the other, for tests of what commands print and not of how a process starts and
// ends: a command takes some milliseconds then, and not the third of a second that a process needs to begin.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { z } from 'zod';
import { DAEMON_FLAGS } from '../../bin/daemon-flags.js';
import type { LabNamespace } from '../../src/lab/namespace.ts';
import { type Ended, endedWith } from '../support/running-rack.ts';

const COMMAND_MS_MAX = 120_000;

const wordsShape = z.array(z.string());
const endedShape = z.object({ code: z.number(), out: z.string(), err: z.string() });

/** The process of the commands. */
export class ManyCommands {
  readonly #configFile: string;
  readonly #child: ChildProcess;
  /** Aborted when it ends. */
  readonly #over = new AbortController();

  /** @param namespace the network of the commands; undefined: the host's */
  constructor(configFile: string, namespace?: LabNamespace) {
    this.#configFile = configFile;
    const words = [...DAEMON_FLAGS, import.meta.filename];
    const options: SpawnOptions = { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] };
    this.#child = namespace?.spawn(process.execPath, words, options) ?? spawn(process.execPath, words, options);
    this.#child.once('exit', (code) => this.#over.abort(new Error(`the process of the commands ended with ${code}`)));
  }

  /** Runs a command with the rack's configuration. The one before must have ended. */
  rackboot(...words: readonly string[]): Promise<Ended> {
    return this.run(...words, '--config', this.#configFile);
  }

  /** Runs a command with these words. */
  async run(...words: readonly string[]): Promise<Ended> {
    const signal = AbortSignal.any([AbortSignal.timeout(COMMAND_MS_MAX), this.#over.signal]);
    const answer = once(this.#child, 'message', { signal });
    this.#child.send([...words]);
    const [ended] = await answer.catch((cause: unknown) => {
      throw new Error(`rackboot ${words.join(' ')} has not ended`, { cause });
    });
    const { code, out, err } = endedShape.parse(ended);
    return endedWith(code, out, err);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}

/** Runs a command in this process, and keeps what it prints. */
async function runHere(words: readonly string[]) {
  const { runCommandLine } = await import('../../src/cli/command-line.ts');
  const text = { out: '', err: '' };
  const streams = [
    [process.stdout, 'out'],
    [process.stderr, 'err'],
  ] as const;
  for (const [stream, name] of streams) {
    stream.write = (piece: Uint8Array | string): boolean => {
      text[name] += typeof piece === 'string' ? piece : Buffer.from(piece).toString('utf8');
      return true;
    };
  }
  return { code: await runCommandLine(words), ...text };
}

if (import.meta.main) {
  process.on('message', (words) => {
    void runHere(wordsShape.parse(words)).then((ended) => process.send?.(ended));
  });
  process.on('disconnect', () => process.exit());
}
