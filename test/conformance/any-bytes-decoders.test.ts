// For any bytes, a decoder returns a value or its own refusal, with time and memory in proportion to the bytes; the long suite has several times
// as many. Every decoder of the product is tried.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readProduct } from '../support/typed-source.ts';
import { DECODERS, isDecoder, READERS_IN_ONE_CALL } from './byte-decoders.ts';
import { tryDecoders } from './tried-decoders.ts';

/** Functions with such a name that are not tried, and the reason. */
const NOT_TRIED: Readonly<Record<string, string>> = {
  readInt: 'reads what the kernel wrote into a buffer of ours that has the length',
  readRest: 'is handed the pieces of a body that it passes on, and looks at none',
  'Forwarder.receive': 'hands its bytes to decodeMessage; test/dns/forward.test.ts bends them',
  'Forwarder.receiveStream': 'the same',
  'DnsService.receive': 'the same',
  'DnsService.receiveStream': 'the same',
  'DhcpClient.receive': 'of the laboratory, whose only server is ours',
  unpackLoader: 'expands its bytes and hands them to decodeLoaderTar',
  readInitrdPaths: 'expands its bytes and hands them to what decodeCpioPaths tries',
  'TftpDownload.receive': 'of the laboratory, whose only server is ours',
};

describe('for any bytes', () => {
  tryDecoders({ bentPerSample: 15, large: 2, noise: 15, cutsMax: 80 });

  it('every function that is handed bytes and says that it understands them is tried', () => {
    const found = readProduct()
      .functions.filter(isDecoder)
      .map(({ name }) => name);
    assert.ok(found.length > 20, found.join());
    const known = [...Object.keys(DECODERS), ...Object.keys(NOT_TRIED)];
    assert.deepEqual(
      found.filter((name) => !known.includes(name)),
      [],
      'give it a row in DECODERS, or say in NOT_TRIED why it needs none',
    );
    assert.deepEqual(
      known.filter((name) => !found.includes(name) && !READERS_IN_ONE_CALL.has(name)),
      [],
      'these are gone',
    );
  });
});
