// What the control socket answers: the state of the running rack as JSON, and the region's API with an administrator's right, for
// whoever may open the socket.
//
// 1. The right comes from the file system: the socket is of mode 0600.
// 2. An answer that throws is told in one line, never in a trace.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorText } from '../errors.ts';
import { answerText } from './answer.ts';
import type { RegionEndpoint, RegionProxy } from './proxy.ts';
import { isRegionPath, parseTarget } from './request-target.ts';
import { sendJson, sendText } from './send.ts';

/** Paths of the control socket, each with what answers it: a value for JSON, or a promise of one. */
export type ControlAnswers = Readonly<Record<string, () => unknown>>;

export interface ControlRequestsDeps {
  readonly answers: ControlAnswers;
  readonly proxy: RegionProxy;
  readonly region: () => RegionEndpoint | undefined;
  /** Tells the region that the caller is an administrator of this host. */
  readonly secret: string;
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
  const answer = Object.hasOwn(deps.answers, target.path) ? deps.answers[target.path] : undefined;
  if (answer === undefined && !isRegionPath(target.origin)) {
    return refuse(404, `nothing answers here; there are ${Object.keys(deps.answers).join(', ')} and /MAAS/`);
  }
  try {
    if (answer === undefined) {
      await deps.proxy.forward({
        request,
        response,
        origin: target.origin,
        region: deps.region(),
        identity: { 'X-Rackboot-Control': deps.secret },
        defaultHost: 'localhost',
      });
    } else if (request.method === 'GET' || request.method === 'HEAD') {
      await sendJson(response, request.method, await answer());
    } else {
      refuse(405, 'only GET and HEAD are for this path');
    }
  } catch (error) {
    refuse(500, errorText(error));
  }
}
