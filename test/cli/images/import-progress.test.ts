// The progress of an import names each failed attempt once, however many there are.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ImportProgress } from '../../../src/cli/images/import-progress.ts';
import type { OnState } from '../../../src/images/download/request.ts';
import { DownloadReports } from '../../../src/images/engine/reports.ts';
import { DownloadPlace, makeContent } from '../../images/download/download-place.ts';
import { endOf } from '../../support/download-end.ts';
import { HostileFileServer } from '../../support/hostile-file-server.ts';
import { printedBy } from '../../support/printed.ts';

const FAILURES = 40;

test('each file has its own tenths, and an import of several files has those of all of them', async () => {
  const progress = new ImportProgress(false, false);
  const { text } = await printedBy(async () => {
    for (const [bytes, total] of [
      [500, 1000],
      [1000, 1000],
      // Another file of the same size, and one of another.
      [500, 1000],
      [1000, 2000],
      [2000, 2000],
    ] as const) {
      progress.step(bytes, total, 0);
    }
  });
  assert.deepEqual(
    text.split('\n').filter((line) => line !== ''),
    ['50 % of 1000 B', '100 % of 1000 B', '50 % of 1000 B', '50 % of 2.0 KiB', '100 % of 2.0 KiB'],
  );
});

test('a download ends at 100 %, and the reason of one that failed is left to the error, unless another follows', async () => {
  const content = makeContent(1000);
  const shown = async (status: number, next: boolean): Promise<string> => {
    const place = new DownloadPlace();
    const server = await HostileFileServer.start(content, ({ response, serve }) => {
      if (status === 200) serve();
      else response.writeHead(status).end();
    });
    try {
      const progress = new ImportProgress(false, false);
      const { text } = await printedBy(async () => {
        const reports = new DownloadReports(progress.showReport);
        const onState: OnState = (...of) => reports.show(...of);
        await endOf(place.queue({ roundsMax: 1 }), place.request([server.url], content), { onState });
        if (next) reports.restart();
        progress.close();
      });
      return text;
    } finally {
      await server.close();
      await place.close();
    }
  };
  assert.match(await shown(200, false), /100 % of 1000 B/);
  assert.equal(await shown(404, false), '');
  assert.match(await shown(404, true), /^\S+ did not deliver http:\S+\/file \(HTTP 404\): [^\n]*\n$/);
});

test(`${FAILURES} attempts that fail alike are ${FAILURES} lines, of which the first has the reason, and each the time of the next attempt`, async () => {
  const place = new DownloadPlace();
  const content = makeContent(1000);
  const server = await HostileFileServer.start(content, ({ number, response, serve }) => {
    if (number > FAILURES) serve();
    else response.writeHead(500).end();
  });
  try {
    const progress = new ImportProgress(false, false);
    const { text } = await printedBy(async () => {
      const queue = place.queue({ roundsMax: FAILURES + 2, pauseMs: 1, pauseMsMax: 2 });
      const reports = new DownloadReports(progress.showReport);
      await queue.fetch(place.request([server.url], content), { onState: (...of) => reports.show(...of) });
    });
    const lines = text.split('\n').filter((line) => line.includes('the next attempt begins in'));
    assert.equal(lines.length, FAILURES);
    assert.match(lines[0] ?? '', /failed \(HTTP 500\): Rackboot tries again \(the next attempt begins in 1 s\)$/);
    for (const [index, line] of lines.entries()) {
      if (index > 0) assert.ok(line.startsWith(`Attempt ${index + 1} failed in the same way (`), line);
    }
  } finally {
    await server.close();
    await place.close();
  }
});
