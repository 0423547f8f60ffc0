// Writes answers to a connection: texts, files in slices, JSON in pieces or lines. Sources:
// boot/asset.ts, files/opened-file.ts.
//
// 1. The next slice is read once the previous one has left: a slow reader costs one slice of
//    memory, and many readers take turns.
// 2. A file stays open until the operating system has its last byte or the connection is gone.

import type { ServerResponse } from 'node:http';
import type { OpenedFile } from '../files/opened-file.ts';
import type { FileAnswer, TextAnswer } from './answer.ts';

/** Bytes handed to a connection at a time. */
const SEND_BYTES = 128 * 1024;
/** List entries turned into JSON in one turn, which blocks the rack loop for about a millisecond. */
const LIST_ENTRIES = 100;

interface SendOutcome {
  readonly kind: 'sent' | 'aborted';
  readonly bytes: number;
}

/** Sends a text; for HEAD only its fields. */
export function sendText(response: ServerResponse, method: string | undefined, answer: TextAnswer): void {
  response.writeHead(answer.status, answer.fields);
  response.end(method === 'HEAD' ? undefined : answer.text);
}

/**
 * Sends a file, for HEAD only the fields. Does not close the file.
 * @throws the error of reading the file; if `headersSent` is set by then, its length was announced
 * and the caller must end the connection
 */
export async function sendFile(
  response: ServerResponse,
  method: string | undefined,
  answer: FileAnswer,
  file: OpenedFile,
): Promise<SendOutcome> {
  const { start, end } = answer.range;
  let at = start;
  while (method !== 'HEAD' && at < end && !isGone(response)) {
    const pending = file.read(at, Math.min(SEND_BYTES, end - at));
    const slice = pending instanceof Uint8Array ? pending : await pending;
    if (slice.length === 0) throw new Error(`the file ends at ${at} instead of ${end}`);
    // Sent after the first read, so that an unreadable file is not announced.
    if (!response.headersSent) response.writeHead(answer.status, answer.fields);
    at += slice.length;
    // A small file leaves in one piece.
    if (at >= end) response.end(slice);
    else if (!response.write(slice)) await onceEither(response, 'drain');
  }
  if (!response.headersSent) response.writeHead(answer.status, answer.fields);
  if (!response.writableEnded) response.end();
  await onceEither(response, 'finish');
  return { kind: response.writableFinished ? 'sent' : 'aborted', bytes: at - start };
}

/** Waits for an event, or for the end of the connection. */
function onceEither(response: ServerResponse, name: 'drain' | 'finish'): Promise<void> {
  if (isGone(response) || response.writableFinished) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      response.off(name, done);
      forget();
      resolve();
    };
    const forget = onGone(response, done);
    response.on(name, done);
  });
}

export const isGone = (response: ServerResponse): boolean => response.destroyed || response.req.socket.destroyed;

/**
 * Calls `action` when the answer or its connection ends. An answer queued behind another on its
 * connection gets no such event, so this listens to the connection too.
 * @returns a function that cancels the call
 */
export function onGone(response: ServerResponse, action: () => void): () => void {
  const { socket } = response.req;
  response.on('close', action);
  socket.on('close', action);
  return () => {
    response.off('close', action);
    socket.off('close', action);
  };
}

/** Sends a long list in pieces, with a turn of the event loop between them. */
export async function sendJson(response: ServerResponse, method: string | undefined, value: unknown): Promise<void> {
  const type = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
  if (!Array.isArray(value) || value.length <= LIST_ENTRIES) {
    const text = `${JSON.stringify(value ?? null)}\n`;
    response.writeHead(200, { ...type, 'Content-Length': Buffer.byteLength(text) });
    response.end(method === 'HEAD' ? undefined : text);
    return;
  }
  response.writeHead(200, type);
  if (method === 'HEAD') {
    response.end();
    return;
  }
  for (let from = 0; from < value.length && !isGone(response); from += LIST_ENTRIES) {
    const piece = JSON.stringify(value.slice(from, from + LIST_ENTRIES)).slice(1, -1);
    if (!response.write(`${from === 0 ? '[' : ','}${piece}\n`)) await onceEither(response, 'drain');
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.end(']\n');
}

/** Made on demand, sent as one JSON list. */
export class ListInPieces {
  readonly pieces: AsyncIterable<readonly unknown[]>;

  constructor(pieces: AsyncIterable<readonly unknown[]>) {
    this.pieces = pieces;
  }
}

/** The list's maker yields to the event loop. */
export async function sendList(
  response: ServerResponse,
  method: string | undefined,
  list: ListInPieces,
): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  let before = '[';
  for await (const piece of method === 'HEAD' ? [] : list.pieces) {
    if (isGone(response)) return;
    if (piece.length === 0) continue;
    const written = response.write(`${before}${JSON.stringify(piece).slice(1, -1)}\n`);
    before = ',';
    if (!written) await onceEither(response, 'drain');
  }
  response.end(method === 'HEAD' ? undefined : before === '[' ? '[]\n' : ']\n');
}

/**
 * Sends one line of JSON for each value, taken when there is room. Calls `return` of the iterable
 * when the reader is gone.
 */
export async function sendLines(response: ServerResponse, values: AsyncIterable<unknown>): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' });
  response.flushHeaders();
  // Silence is normal: there may be no event for hours.
  response.req.socket.setTimeout(0);
  const iterator = values[Symbol.asyncIterator]();
  const forget = onGone(response, () => void iterator.return?.());
  try {
    while (!isGone(response)) {
      const next = await iterator.next();
      if (next.done === true) break;
      if (!response.write(`${JSON.stringify(next.value ?? null)}\n`)) await onceEither(response, 'drain');
    }
  } finally {
    forget();
    await iterator.return?.();
  }
  response.end();
}
