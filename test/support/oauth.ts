// The Authorization header of a client of the API.

import { systemClock } from '../../src/ground/clock.ts';

/** The header by which the key's owner is known (OAuth 1.0, RFC 5849 §3.4.4: PLAINTEXT). */
export function authorizationOf(apiKey: string): string {
  const [consumer = '', token = '', secret = ''] = apiKey.split(':');
  const fields = {
    oauth_version: '1.0',
    oauth_signature_method: 'PLAINTEXT',
    oauth_consumer_key: consumer,
    oauth_token: token,
    oauth_signature: `%26${secret}`,
    oauth_nonce: String(systemClock.now()),
    oauth_timestamp: String(Math.floor(systemClock.wallTimeMs() / 1000)),
  };
  return `OAuth ${Object.entries(fields)
    .map(([name, value]) => `${name}="${value}"`)
    .join(', ')}`;
}
