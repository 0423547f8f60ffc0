// Serves the region's image store as a simplestreams site at `/MAAS/images-stream/`, for
// `rackboot images sources add`, MAAS and `sstream-mirror`.
//
// Sources: MAAS's URL; RFC 9110 §13.1.5 and §14 (If-Range, ranges).
//
// 1. Anybody who reaches the region may read the site, as any host that boots from a rack may read
//    its images.
// 2. At most FILES_MAX files, documents included, are being sent at a time, and
//    FILES_OF_ADDRESS_MAX to one address; beyond that, `Retry-After`.
// 3. Requests for files that exist have rates of their own (shares/request-rates.ts):
//    `sstream-mirror` and MAAS fetch hundreds, and repeat none. Others count towards the anonymous
//    rate limit.

import { finished } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Instant } from '../../ground/clock.ts';
import type { Rate } from '../../ground/rate-limit.ts';
import { chooseRange } from '../../net/byte-range.ts';
import { FairShares } from '../../net/shares/fair-shares.ts';
import { type Answer, refuse } from '../api/call/answer.ts';
import type { Peer } from '../api/call/caller.ts';
import type { StreamedFile } from '../images/boot-images.ts';
import type { Region } from '../region.ts';
import { STREAM_IN_TOTAL, STREAM_PER_ADDRESS, STREAM_PER_NETWORK, streamRates } from '../shares/request-rates.ts';
import { RETRY_FIELD } from './sending.ts';

export const FILES_MAX = 32;
export const FILES_OF_ADDRESS_MAX = 8;
const RETRY_SECONDS = 15;
const mirrorsText = (from: string, { burst, perSecond }: Rate) =>
  `Too many requests for images from ${from}: ${burst} at once, then ${perSecond} a second are allowed. Wait a little.`;

const RATE_REFUSALS = {
  address: refuse('rate-limit', mirrorsText('your address', STREAM_PER_ADDRESS), RETRY_FIELD),
  network: refuse('rate-limit-network', mirrorsText('your network', STREAM_PER_NETWORK), RETRY_FIELD),
  all: refuse('rate-limit-all', mirrorsText('all addresses', STREAM_IN_TOTAL), RETRY_FIELD),
};
const ANY_PATH = '*';
/** Sent for the URL of the site itself, which a person tries first. */
const INDEX_PATH = 'streams/v1/index.json';

export class StreamShares {
  readonly places = new FairShares<FastifyReply>({ max: FILES_MAX, addressMax: FILES_OF_ADDRESS_MAX });
  readonly #rates = streamRates();

  excess({ address, rackUuid }: Peer, now: Instant): Answer | undefined {
    const excess = this.#rates.of(rackUuid).excess(address, now);
    return excess === undefined ? undefined : RATE_REFUSALS[excess];
  }
}

interface ImageStreamListener {
  readonly region: Region;
  peerOf(request: FastifyRequest): Promise<Peer>;
  readonly mirrors: StreamShares;
  excess(peer: Peer): Answer | undefined;
  send(reply: FastifyReply, answer: Answer): Promise<FastifyReply>;
}

const chooseContentType = (path: string) => (path.endsWith('.json') ? 'application/json' : 'text/plain; charset=utf-8');

export function addImageStreamRoutes(app: FastifyInstance, listener: ImageStreamListener): void {
  const { region, send, mirrors } = listener;
  const { places } = mirrors;
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const peer = await listener.peerOf(request);
    const admission = places.admit(peer.share, reply);
    if (admission.kind === 'refused')
      return send(
        reply,
        refuse('downloads-limit', 'Too many images are being downloaded from this region: try again later.', {
          'Retry-After': String(RETRY_SECONDS),
        }),
      );
    // The evicted client holds more than its share; it continues its download later.
    admission.evicted?.raw.destroy();
    // A client that has left already is finished, too.
    finished(reply.raw, () => places.release(admission.place));
    const { params } = request;
    const below: unknown = typeof params === 'object' && params !== null ? Reflect.get(params, ANY_PATH) : undefined;
    const path = below ?? INDEX_PATH;
    const streamedFile = typeof path === 'string' ? await region.bootImages.findStreamedFile(path) : undefined;
    const refuseMissing = () => send(reply, listener.excess(peer) ?? refuse('not-found', 'Nothing is here.'));
    if (typeof path !== 'string' || streamedFile === undefined) return refuseMissing();
    const excess = mirrors.excess(peer, region.clock.now());
    if (excess !== undefined) return send(reply, excess);
    if (streamedFile.kind === 'document')
      return reply.header('Cache-Control', 'no-cache').type(chooseContentType(path)).send(streamedFile.text);
    return sendImage(request, reply, streamedFile, refuseMissing);
  };
  app.get('/MAAS/images-stream', answer);
  app.get(`/MAAS/images-stream/${ANY_PATH}`, answer);
}

async function sendImage(
  { headers, method }: FastifyRequest,
  reply: FastifyReply,
  { bytes, sha256, read }: Extract<StreamedFile, { readonly kind: 'image' }>,
  refuseMissing: () => Promise<FastifyReply>,
): Promise<FastifyReply> {
  const tag = `"${sha256}"`;
  const condition = headers['if-range'];
  const range = condition === undefined || condition === tag ? headers.range : undefined;
  const chosen = chooseRange(range, bytes);
  reply.header('ETag', tag).header('Accept-Ranges', 'bytes').type('application/octet-stream');
  if (chosen.kind === 'unsatisfiable') return reply.code(416).header('Content-Range', `bytes */${bytes}`).send();
  const { start, end } = chosen.kind === 'part' ? chosen.range : { start: 0, end: bytes };
  if (chosen.kind === 'part') reply.code(206).header('Content-Range', `bytes ${start}-${end - 1}/${bytes}`);
  reply.header('Content-Length', end - start);
  if (method === 'HEAD') {
    // Fastify would overwrite Content-Length with the length of the missing body.
    reply.hijack();
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) reply.raw.setHeader(name, value);
    reply.raw.writeHead(reply.statusCode).end();
    return reply;
  }
  const content = await read(start, end);
  return content === undefined ? refuseMissing() : reply.send(content);
}
