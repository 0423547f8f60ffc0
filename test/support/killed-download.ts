// Kills a downloading process again and again at random bytes, and checks that nothing is lost, or downloaded again, beyond a bound.
//
// A killed process loses only what it had read and not written. Bytes that wait in the kernel's buffers were never read: the process is
// stopped first, and they are read from /proc/net/tcp and subtracted.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { viewBytes } from '../../src/ground/borrowed-bytes.ts';
import { ended } from './child.ts';
import { type Asked, HostileFileServer } from './hostile-file-server.ts';

const CHILD = join(import.meta.dirname, 'download-child.ts');
/** The name of the file that is downloaded. */
const NAME = 'image';
const MIB = 1024 * 1024;
const AGAIN_BYTES_MAX = 4 * MIB;
const CHUNK_BYTES = 64 * 1024;
/** Heads of answers, which the kernel counts with their bodies. */
const HEAD_BYTES = 4096;
/** One kill in this number comes at a random moment instead, such as during the check of a kept part, or the renaming. */
const MOMENT_EVERY = 4;

export interface KillReport {
  readonly kills: number;
  readonly files: number;
  /** The most bytes that one kill caused to be sent again. */
  readonly againBytesMost: number;
}

/** The process that is killed. */
export interface KilledProgram {
  /** The arguments of Node. @param url of the file */
  readonly argumentsFor: (url: string) => readonly string[];
  /** Other files of the server, by path. */
  readonly documents: ReadonlyMap<string, string>;
  /** Checks the result of a run that ended well, and removes it. */
  readonly finish: () => void;
  /** The latest random moment after the start, in milliseconds. */
  readonly momentMsMax: number;
}

/** A process that downloads one file into a directory. */
export function downloadProgram(directory: string, content: Uint8Array): KilledProgram {
  const digest = { algorithm: 'sha256', hex: createHash('sha256').update(content).digest('hex') };
  const request = { bytes: content.length, digest, bytesMax: content.length, directory, name: NAME };
  return {
    argumentsFor: (url) => [CHILD, JSON.stringify({ ...request, urls: [url] })],
    documents: new Map(),
    finish: () => {
      assert.ok(Buffer.from(content).equals(readFileSync(join(directory, NAME))), 'the file is another one');
      rmSync(join(directory, NAME));
    },
    momentMsMax: 600,
  };
}

/** Kills `kills` times, and finishes as many files as that takes. @param random gives whole numbers below its argument */
export async function killDownloads(
  program: KilledProgram,
  content: Uint8Array,
  kills: number,
  random: (n: number) => number,
): Promise<KillReport> {
  const plan = new KillPlan();
  const server = await HostileFileServer.start(content, (asked) => {
    const document = program.documents.get(asked.seen.path);
    if (document === undefined) plan.serve(asked);
    else asked.response.end(document);
  });
  let [killed, files, againBytesMost, reached] = [0, 0, 0, 0];
  try {
    while (killed < kills || reached > 0) {
      const child = spawn(process.execPath, program.argumentsFor(server.url), { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      child.stdout.on('data', (text) => {
        said += text;
      });
      plan.begin(child, killed < kills ? random(content.length / 6) : Number.POSITIVE_INFINITY);
      const timer =
        killed % MOMENT_EVERY === 0 && killed < kills
          ? setTimeout(() => plan.kill(), random(program.momentMsMax))
          : undefined;
      const code = await ended(child);
      clearTimeout(timer);
      const { from, received } = plan.end();
      if (from !== undefined) {
        const again = reached - from;
        assert.ok(again <= AGAIN_BYTES_MAX, `after kill ${killed}, ${again} of ${reached} bytes were asked for again`);
        againBytesMost = Math.max(againBytesMost, again);
        reached = from + received;
      }
      if (child.signalCode === 'SIGKILL') {
        killed += 1;
        continue;
      }
      assert.equal(code, 0, said);
      program.finish();
      files += 1;
      reached = 0;
    }
  } finally {
    await server.close();
  }
  return { kills: killed, files, againBytesMost };
}

/** One run of the process. */
class KillPlan {
  #child: ChildProcess | undefined;
  #target = 0;
  #asked: Asked | undefined;
  #received: number | undefined;

  begin(child: ChildProcess, target: number): void {
    this.#child = child;
    this.#target = target;
    this.#asked = undefined;
    this.#received = undefined;
  }

  /** @returns the first byte that the run asked for, and how many it read */
  end(): { readonly from: number | undefined; readonly received: number } {
    return { from: this.#asked?.seen.from, received: this.#received ?? this.#asked?.seen.sent ?? 0 };
  }

  kill(): void {
    if (this.#child?.pid === undefined || this.#child.exitCode !== null || this.#received !== undefined) return;
    this.#child.kill('SIGSTOP');
    this.#received = this.#read();
    this.#child.kill('SIGKILL');
  }

  /** The bytes that the process has read: those sent, without what the kernel still holds. */
  #read(): number {
    const { seen, request } = this.#asked ?? {};
    const held = request === undefined ? 0 : bytesHeld(request.socket.localPort ?? 0, request.socket.remotePort ?? 0);
    return Math.max(0, (seen?.sent ?? 0) - held);
  }

  serve(asked: Asked): void {
    this.#asked = asked;
    const { response, content, seen } = asked;
    if (seen.from >= content.length) {
      asked.serve();
      return;
    }
    const from = asked.head();
    const send = (at: number): void => {
      if (response.destroyed) return;
      if (seen.sent >= this.#target && this.#read() >= this.#target) this.kill();
      if (at >= content.length) {
        response.end();
        return;
      }
      const end = Math.min(at + CHUNK_BYTES, content.length);
      response.write(viewBytes(content, at, end), () => {
        seen.sent = end - from;
        send(end);
      });
    };
    send(from);
  }
}

/** Bytes on the way between two ports of loopback, in the kernel. */
function bytesHeld(server: number, client: number): number {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
  const held = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .reduce((sum, line) => {
      const [, local = '', remote = '', , queues = ''] = line.trim().split(/\s+/);
      const [sending = '0', receiving = '0'] = queues.split(':');
      const isOf = (one: number, other: number): boolean =>
        local.endsWith(`:${hex(one)}`) && remote.endsWith(`:${hex(other)}`);
      if (isOf(server, client)) return sum + Number.parseInt(sending, 16);
      return isOf(client, server) ? sum + Number.parseInt(receiving, 16) : sum;
    }, 0);
  return held + HEAD_BYTES;
}
