// The region to which a command uploads: the one of this host, over the control socket, or any other by its URL and an API key.
//
// Sources: RFC 9112 §9 (connections); RFC 5849 §3.5.1 (authorization).
//
// 1. Every request ends: with its whole answer, or after SILENCE_MS_MAX without a byte.
// 2. The key goes to the given URL and nowhere else: redirections are not followed.

import type { IncomingMessage, RequestOptions } from 'node:http';
import { join } from 'node:path';
import { systemClock } from '../../clock.ts';
import { parseRegionUrl } from '../../config/region-url.ts';
import { errorText, RackError } from '../../errors.ts';
import { CONTROL_SOCKET } from '../../http/config.ts';
import { CONTROL_BODY_BYTES_MAX } from '../../http/control/requests.ts';
import { authorizationOf, parseRegionKey } from '../../uplink/region-key.ts';
import { readGivenFile } from '../terminal/given-file.ts';

/** How long a request may go without a byte, in milliseconds: the last piece waits 20 s for the image. */
const SILENCE_MS_MAX = 60_000;
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
/** What MAAS takes in one piece, in bytes. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** A request. */
interface UploadAsk {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** From `/MAAS/` on. */
  readonly path: string;
  readonly body?: Uint8Array | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Its answer. */
export interface UploadAnswer {
  readonly status: number;
  readonly text: string;
}

/** A region. */
export interface UploadTarget {
  /** For people. */
  readonly name: string;
  /** The largest piece that it takes, in bytes. */
  readonly pieceBytes: number;
  /** Rejects with the system's error if the connection fails. */
  ask(asked: UploadAsk): Promise<UploadAnswer>;
}

/** The region of this host. */
export function localTarget(stateDir: string): UploadTarget {
  const socketPath = join(stateDir, CONTROL_SOCKET);
  const headers = { Host: 'localhost' };
  return {
    name: socketPath,
    pieceBytes: CONTROL_BODY_BYTES_MAX,
    ask: (asked) => send({ socketPath, headers }, asked),
  };
}

/**
 * A region elsewhere.
 * @param keyText an API key, as `rackboot apikey` prints it
 * @param caFile PEM certificates to trust instead of the system's; undefined to trust the system's
 * @throws RackError `bad-argument`, and as `readGivenFile`
 */
export function webTarget(url: string, keyText: string, caFile: string | undefined): UploadTarget {
  const parsed = parseRegionUrl(url.replace(/\/api\/\d\.\d\/?$/, ''));
  if (parsed === undefined)
    throw new RackError(
      'bad-argument',
      `--url ${JSON.stringify(url)} is no URL of a region, such as http://10.20.0.1:5240/MAAS`,
    );
  const key = parseRegionKey(keyText);
  if (key === undefined) {
    const remedy = "`rackboot apikey` on the region's host prints one";
    throw new RackError('bad-argument', `an API key has three parts, consumer:token:secret: ${remedy}`);
  }
  const ca = caFile === undefined ? {} : { ca: readGivenFile(caFile) };
  const { host, port, secure, text } = parsed;
  const place = { host, ...(port === undefined ? {} : { port }), ...ca };
  let nonce = 0;
  return {
    name: text,
    pieceBytes: PIECE_BYTES,
    ask: (asked) => {
      nonce += 1;
      const authorization = authorizationOf(key, systemClock.wallTimeMs(), nonce);
      return send({ ...place, headers: { Authorization: authorization } }, asked, secure);
    },
  };
}

function send(
  options: RequestOptions,
  { method, path, body, headers }: UploadAsk,
  secure = false,
): Promise<UploadAnswer> {
  const { request } = secure ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http');
  const length = method === 'GET' ? {} : { 'Content-Length': String(body?.length ?? 0) };
  const all = { ...options.headers, Accept: 'application/json', ...length, ...headers };
  return new Promise((resolve, reject) => {
    // A new connection each time, as for every command (`control/ask-daemon.ts`).
    const asking = request({ ...options, method, path, headers: all, agent: false }, (answer) =>
      collect(answer, resolve, (error) => asking.destroy(error)),
    );
    asking.setTimeout(SILENCE_MS_MAX, () => asking.destroy(new Error(`no answer in ${SILENCE_MS_MAX / 1000} s`)));
    asking.on('error', (error) => reject(new RackError('not-running', errorText(error), { cause: error })));
    asking.end(body);
  });
}

function collect(answer: IncomingMessage, done: (answer: UploadAnswer) => void, fail: (error: Error) => void): void {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  answer.on('data', (piece: Uint8Array) => {
    bytes += piece.length;
    if (bytes > ANSWER_BYTES_MAX) fail(new Error(`the answer has more than ${ANSWER_BYTES_MAX} bytes`));
    else pieces.push(piece);
  });
  answer.on('error', fail);
  answer.on('end', () => done({ status: answer.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8') }));
}
