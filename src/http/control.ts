// What the control socket answers: the state of the running rack as JSON, and the region's API with an administrator's right, for
// whoever may open the socket.
//
// 1. The right comes from the file system: the socket is of mode 0600.
// 2. An answer that throws is told in one line, never in a trace.
// 3. What changes something is a POST, named `POST /path` in the table; everything else is GET and HEAD.
// 4. A stream is lines of JSON, written as fast as the asker reads; it ends with its asker.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorText, RackError } from '../errors.ts';
import { hasBody } from '../net/body-places.ts';
import { answerText } from './answer.ts';
import type { RegionEndpoint, RegionProxy } from './proxy.ts';
import { isRegionPath, parseTarget } from './request-target.ts';
import { ListInPieces, sendJson, sendLines, sendList, sendText } from './send.ts';

/** The largest body that is read, in bytes. Only root and the user of the daemon can open the socket. */
export const CONTROL_BODY_BYTES_MAX = 2 * 1024 * 1024;

/** What was asked beyond the path. */
export interface ControlAsk {
  readonly query: URLSearchParams;
  /** Reads what was sent along. @throws RackError `bad-argument` when it is larger than CONTROL_BODY_BYTES_MAX */
  readonly body: () => Promise<string>;
}

/**
 * Paths of the control socket, each with what answers it: a value for JSON, a promise of one, a `ListInPieces`, or an asynchronous
 * iterable, each of whose values becomes one line of JSON. `POST /path` names what is done by POST. A RackError `bad-argument` is answered with 400,
 * `not-found` with 404, anything else that is thrown with 500.
 */
export type ControlAnswers = Readonly<Record<string, (asked: ControlAsk) => unknown>>;

export interface ControlRequestsDeps {
  readonly answers: ControlAnswers;
  readonly proxy: RegionProxy;
  readonly region: () => RegionEndpoint | undefined;
  /** Tells the region that the caller is an administrator of this host. */
  readonly secret: string;
  /** The URL of a region that is not of this host, and gives this host's administrator no right; undefined: it is. */
  readonly elsewhere?: string | undefined;
}

/** Answers one request of the control socket. Never rejects. */
export async function handleControl(
  deps: ControlRequestsDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const refuse = (status: number, text: string): void => {
    if (response.headersSent) response.destroy();
    else sendText(response, request.method, answerText(status, `${text}\n`, { Connection: 'close' }));
  };
  const target = parseTarget(request.url ?? '');
  if (!target.ok) return refuse(400, target.fault);
  const { method = 'GET' } = request;
  const key = method === 'POST' ? `POST ${target.path}` : target.path;
  const answer = Object.hasOwn(deps.answers, key) ? deps.answers[key] : undefined;
  try {
    if (answer !== undefined && ['GET', 'HEAD', 'POST'].includes(method)) {
      const asked = { query: queryOf(target.origin), body: () => readBody(request) };
      await sendAnswer(response, method, await answer(asked));
    } else if (isRegionPath(target.origin) && deps.elsewhere !== undefined) {
      refuse(404, `the region of this rack is at ${deps.elsewhere}: run the command on its host, or ask its API`);
    } else if (isRegionPath(target.origin)) {
      // Sent in one piece: a local socket that was answered and closed refuses even the empty write by which a body ends, before the answer is read.
      const body = hasBody(request) ? await readBytes(request) : undefined;
      await deps.proxy.forward({
        body,
        request,
        response,
        origin: target.origin,
        region: deps.region(),
        identity: { 'X-Rackboot-Control': deps.secret },
        defaultHost: 'localhost',
      });
    } else if (Object.hasOwn(deps.answers, target.path)) {
      refuse(405, 'only GET and HEAD are for this path');
    } else if (Object.hasOwn(deps.answers, `POST ${target.path}`)) {
      refuse(405, 'only POST is for this path');
    } else {
      refuse(404, `nothing answers here; there are ${Object.keys(deps.answers).join(', ')} and /MAAS/`);
    }
  } catch (error) {
    refuse(statusOf(error), errorText(error));
  }
}

function statusOf(error: unknown): number {
  if (!(error instanceof RackError)) return 500;
  return error.code === 'bad-argument' ? 400 : error.code === 'not-found' ? 404 : 500;
}

function queryOf(origin: string): URLSearchParams {
  const mark = origin.indexOf('?');
  return new URLSearchParams(mark === -1 ? '' : origin.slice(mark + 1));
}

const readBody = async (request: IncomingMessage): Promise<string> => (await readBytes(request)).toString('utf8');

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    if (!(part instanceof Uint8Array)) continue;
    bytes += part.length;
    if (bytes > CONTROL_BODY_BYTES_MAX)
      throw new RackError('bad-argument', `more than ${CONTROL_BODY_BYTES_MAX} bytes were sent: send less at a time`);
    parts.push(Buffer.from(part));
  }
  return Buffer.concat(parts);
}

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

async function sendAnswer(response: ServerResponse, method: string, value: unknown): Promise<void> {
  if (value instanceof ListInPieces) await sendList(response, method, value);
  else if (isIterable(value)) await sendLines(response, value);
  else await sendJson(response, method, value);
}
