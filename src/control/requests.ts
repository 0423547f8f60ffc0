// The control socket: the rack's state as JSON, and the region's API with administrator rights.
//
// 1. The socket has mode 0600: the file system grants the right.
// 2. An error is one line, without a stack trace.
// 3. Changes are POSTs (`POST /path` in the table). All other requests are GET and HEAD.
// 4. A stream consists of lines of JSON, written as fast as the client reads. It ends when the
//    client disconnects.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorText, RackError } from '../ground/errors.ts';
import { answerText } from '../http/answer.ts';
import { ELSEWHERE_START } from '../http/config.ts';
import type { RegionEndpoint, RegionProxy } from '../http/proxy.ts';
import { isRegionPath, parseTarget } from '../http/request-target.ts';
import { ListInPieces, sendJson, sendLines, sendList, sendText } from '../http/send.ts';
import { splitTarget } from '../net/region-http.ts';
import { hasBody } from '../net/shares/body-places.ts';

/** The largest body, in bytes. Only root and the daemon's user can open the socket. */
export const CONTROL_BODY_BYTES_MAX = 2 * 1024 * 1024;

export interface ControlRequest {
  readonly query: URLSearchParams;
  /** Reads the body. @throws RackError `bad-argument` if it is larger than CONTROL_BODY_BYTES_MAX */
  readonly body: () => Promise<string>;
}

/**
 * Each path's handler returns a value for JSON, a promise of one, a `ListInPieces`, or an
 * asynchronous iterable of lines of JSON. `POST /path` handles a POST. A RackError `bad-argument`
 * is answered with 400, `not-found` with 404, and any other error with 500.
 */
export type ControlAnswers = Readonly<Record<string, (request: ControlRequest) => unknown>>;

interface ControlRequestsDeps {
  readonly answers: ControlAnswers;
  readonly proxy: RegionProxy;
  readonly region: () => RegionEndpoint | undefined;
  /** Proves to the region that the caller is an administrator of this host. */
  readonly secret: string;
  /**
   * The URL of a region on another host, where the administrator of this host has no rights.
   * Undefined if the region is on this host.
   */
  readonly elsewhere?: string | undefined;
  /** The text for a path that is not in `answers`. If undefined, the text lists the paths that are. */
  readonly unknownPath?: string | undefined;
}

/** Handles a request. Never rejects. */
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
      const controlRequest = {
        query: new URLSearchParams(splitTarget(target.origin).query),
        body: async () => (await readBytes(request)).toString('utf8'),
      };
      await sendAnswer(response, method, await answer(controlRequest));
    } else if (isRegionPath(target.origin) && deps.elsewhere !== undefined) {
      refuse(404, `${ELSEWHERE_START}${deps.elsewhere}: run the command on its host, or ask its API`);
    } else if (isRegionPath(target.origin)) {
      // The body is sent in one piece. Otherwise, if the region closes a local socket early, even
      // the empty write that ends a stream fails before the answer is read.
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
      refuse(405, 'this path accepts only GET and HEAD');
    } else if (Object.hasOwn(deps.answers, `POST ${target.path}`)) {
      refuse(405, 'this path accepts only POST');
    } else {
      const problem = `no such path; there are ${Object.keys(deps.answers).join(', ')} and /MAAS/`;
      refuse(404, deps.unknownPath ?? problem);
    }
  } catch (error) {
    refuse(chooseStatus(error), errorText(error));
  }
}

function chooseStatus(error: unknown): number {
  if (!(error instanceof RackError)) return 500;
  return error.code === 'bad-argument' ? 400 : error.code === 'not-found' ? 404 : 500;
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Uint8Array)) continue;
    bytes += chunk.length;
    if (bytes > CONTROL_BODY_BYTES_MAX)
      throw new RackError(
        'bad-argument',
        `the body has more than ${CONTROL_BODY_BYTES_MAX} bytes: send less at a time`,
      );
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

export const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

async function sendAnswer(response: ServerResponse, method: string, value: unknown): Promise<void> {
  if (value instanceof ListInPieces) await sendList(response, method, value);
  else if (isIterable(value)) await sendLines(response, value);
  else await sendJson(response, method, value);
}
