// How many downloads a queue takes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RackError } from '../../../src/errors.ts';
import { OpenDownloads } from '../../../src/images/download/open-downloads.ts';
import type { Download, DownloadRequest } from '../../../src/images/download/request.ts';

/** A download that never ends. */
function neverEnding(request: DownloadRequest): Download {
  return {
    request,
    state: { kind: 'paused' },
    growth: { generation: 0, bytes: 0, total: undefined },
    attempts: [],
    pause: () => undefined,
    resume: () => undefined,
    cancel: () => undefined,
    remove: async () => undefined,
    settled: async () => undefined,
    watch: () => () => undefined,
  };
}

test('there are a thousand downloads at most (DOWNLOADS_MAX); further ones are refused', () => {
  const open = new OpenDownloads();
  const add = (number: number): Download => {
    const request = {
      urls: ['http://a.example/file'],
      bytes: undefined,
      digest: undefined,
      bytesMax: 10,
      directory: '/nowhere',
      name: `file-${number}`,
    };
    return open.add(request, () => neverEnding(request));
  };
  for (let number = 0; number < 1000; number += 1) add(number);
  assert.equal(open.all.length, 1000);
  assert.throws(
    () => add(1000),
    (error) => error instanceof RackError && error.code === 'limit-reached',
  );
});
