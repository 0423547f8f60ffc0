// The system calls of a process, in the order in which strace(1) saw them: writes and syncs of files, and sent datagrams.
//
// 1. A call begins where its line begins and ends where its line, or that of its resumption, ends. A datagram counts from its beginning,
//    a write and a sync from their end: so no write counts as on disk too early, and no datagram as sent too late.
// 2. strace holds a thread at the end of a call until it has written the call down, so the calls that follow from it in other threads come later.

import { readFileSync } from 'node:fs';

const CALLS =
  'trace=openat,pwrite64,write,writev,ftruncate,fdatasync,fsync,sendto,sendmsg,sendmmsg,unlink,unlinkat,rename,renameat2';
const NOTED = ['-f', '-y', '-s', '65536', '-xx', '-e', CALLS] as const;

/** Words to start a program with, so that its calls are written to `file`; the program keeps its process number. */
export const traced = (file: string): readonly string[] => ['strace', '-D', '--seccomp-bpf', ...NOTED, '-o', file];

/** A command that writes the calls of a process that runs, with all its threads, to `file` until it is interrupted (SIGINT). */
export const tracing = (file: string, pid: number): readonly string[] => [
  'strace',
  ...NOTED,
  '-o',
  file,
  '-p',
  String(pid),
];

/** One call that counts. */
export type SystemCall =
  | { readonly kind: 'open'; readonly path: string; readonly creates: boolean; readonly truncates: boolean }
  | { readonly kind: 'write'; readonly path: string; readonly offset: number | undefined; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly path: string; readonly length: number }
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'remove'; readonly path: string }
  /** The datagrams of one call. */
  | { readonly kind: 'send'; readonly datagrams: readonly Buffer[] };

interface Line {
  readonly begins: number;
  readonly ends: number;
  readonly text: string;
}

/** Reads what strace wrote. */
export function readSystemCalls(file: string): readonly SystemCall[] {
  const ordered: { readonly at: number; readonly call: SystemCall }[] = [];
  for (const { begins, ends, text } of wholeLines(readFileSync(file, 'latin1'))) {
    const call = readCall(text);
    if (call !== undefined) ordered.push({ at: call.kind === 'send' ? begins : ends, call });
  }
  return ordered.sort((a, b) => a.at - b.at).map(({ call }) => call);
}

/** Calls, each with the lines between which it ran. */
function* wholeLines(trace: string): Generator<Line> {
  const begun = new Map<string, { readonly at: number; readonly text: string }>();
  let at = 0;
  for (const line of trace.split('\n')) {
    at += 1;
    const found = /^(\d+) +(.*)$/.exec(line);
    if (found === null) continue;
    const [, thread = '', text = ''] = found;
    const cut = text.indexOf(' <unfinished ...>');
    if (cut !== -1) begun.set(thread, { at, text: text.slice(0, cut) });
    else if (text.startsWith('<... ')) {
      const start = begun.get(thread);
      begun.delete(thread);
      const rest = text.slice(text.indexOf('resumed>') + 'resumed>'.length);
      if (start !== undefined) yield { begins: start.at, ends: at, text: start.text + rest };
    } else yield { begins: at, ends: at, text };
  }
  // A datagram whose call the kill interrupted may still have left.
  for (const { at: begins, text } of begun.values()) yield { begins, ends: begins, text };
}

function readCall(text: string): SystemCall | undefined {
  const name = text.slice(0, text.indexOf('('));
  const isDone = !/ = (-1 |\?)/.test(text.slice(-80));
  const path = pathOf(text);
  switch (name) {
    case 'pwrite64':
    case 'write': {
      const [bytes] = quoted(text);
      if (!isDone || path === undefined || bytes === undefined) return undefined;
      const written = Number(/\) += (\d+)$/.exec(text)?.[1] ?? bytes.length);
      const offset = name === 'write' ? undefined : Number(/, (\d+)\) +=/.exec(text.slice(-60))?.[1]);
      return { kind: 'write', path, offset, bytes: bytes.subarray(0, written) };
    }
    case 'writev': {
      const parts = Array.from(text.matchAll(/iov_base="([^"]*)"/g), ([, data = '']) => unhex(data));
      return isDone && path !== undefined
        ? { kind: 'write', path, offset: undefined, bytes: Buffer.concat(parts) }
        : undefined;
    }
    case 'ftruncate':
      if (!isDone || path === undefined) return undefined;
      return { kind: 'truncate', path, length: Number(/, (\d+)\)/.exec(text.slice(-60))?.[1]) };
    case 'fdatasync':
    case 'fsync':
      return isDone && path !== undefined && / = 0$/.test(text) ? { kind: 'sync', path } : undefined;
    case 'openat': {
      const opened = /= \d+<([^>]*)>$/.exec(text)?.[1];
      if (opened === undefined) return undefined;
      const of = { path: unhex(opened).toString('latin1'), creates: text.includes('O_CREAT') };
      return { kind: 'open', ...of, truncates: text.includes('O_TRUNC') };
    }
    case 'unlink':
    case 'unlinkat': {
      const removed = quoted(text)[0]?.toString('latin1');
      return isDone && removed !== undefined ? { kind: 'remove', path: removed } : undefined;
    }
    case 'sendto':
      return { kind: 'send', datagrams: quoted(text).slice(0, 1) };
    case 'sendmsg':
    case 'sendmmsg':
      return {
        kind: 'send',
        datagrams: Array.from(text.matchAll(/iov_base="([^"]*)"/g), ([, data = '']) => unhex(data)),
      };
    default:
      return undefined;
  }
}

/** The file of the descriptor that is the first argument. */
function pathOf(text: string): string | undefined {
  const found = /^\w+\(\d+<([^>]*)>/.exec(text)?.[1];
  return found === undefined ? undefined : unhex(found).toString('latin1');
}

const quoted = (text: string): Buffer[] =>
  Array.from(text.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g), ([, data = '']) => unhex(data));

/** `\x41\x42`: all that `-xx` writes. */
const unhex = (text: string): Buffer => Buffer.from(text.replaceAll('\\x', ''), 'hex');
