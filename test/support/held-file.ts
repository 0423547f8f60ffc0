// A file that a test keeps from being read, as a disk does that hangs. The host needs FUSE, and this root.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { endProgram } from './child.ts';

const CHILD = join(import.meta.dirname, 'held-file-child.ts');

export class HeldFile {
  readonly #path: string;
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  /** Reads that had to wait. */
  heldReads = 0;

  private constructor(path: string, child: ChildProcess, lines: Interface) {
    this.#path = path;
    this.#child = child;
    this.#lines = lines;
    lines.on('line', (line) => {
      if (line === 'held') this.heldReads += 1;
    });
  }

  /** Mounts the content of one file over another, which exists. */
  static async mount(content: string, path: string): Promise<HeldFile> {
    const child = spawn(process.execPath, [CHILD, content, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (child.stdout === null) throw new Error('no output');
    const file = new HeldFile(path, child, createInterface({ input: child.stdout }));
    await once(file.#lines, 'line');
    return file;
  }

  hold(): void {
    this.#child.stdin?.write('hold\n');
  }

  release(): void {
    this.#child.stdin?.write('release\n');
  }

  /** Reads that still wait fail. */
  async close(): Promise<void> {
    execFileSync('umount', ['--lazy', this.#path]);
    await endProgram(this.#child, 'SIGKILL');
  }
}
