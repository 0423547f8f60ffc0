// The body of a request as a form.
//
// Source: RFC 9110 §8.4 (Content-Encoding), §15.5.16 (415).

import type { FastifyRequest } from 'fastify';
import { type ParsedBody, parseBody } from '../api/call/form-body.ts';
import { refusal } from '../records/refusal.ts';

const ENCODED: ParsedBody = {
  kind: 'fault',
  refusal: refusal(
    'unknown-body',
    'The body has a Content-Encoding: send it without one, as no compressed body is read.',
  ),
};

export function parseRequestForm({ headers, body }: Pick<FastifyRequest, 'headers' | 'body'>): ParsedBody {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (bytes.length > 0 && encoding !== '' && encoding !== 'identity') return ENCODED;
  return parseBody(headers['content-type'] ?? '', bytes);
}
