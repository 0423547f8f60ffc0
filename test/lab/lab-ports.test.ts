// A lab whose ports are taken says which, and what to do, before it starts anything.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { checkPorts } from '../../src/lab/lab-ports.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';

const PLACE = labPlace(92);

test('a port in use is named with the remedy; free ones are left free', async () => {
  await checkPorts([{ place: PLACE }]);
  const other = createServer();
  other.listen(PLACE.regionPort, '127.0.0.1');
  await once(other, 'listening');
  try {
    await assert.rejects(checkPorts([{ place: PLACE }]), {
      code: 'address-in-use',
      message: new RegExp(
        `^127\\.0\\.0\\.1:${PLACE.regionPort} is in use, most likely by another lab: .* Ctrl-C .*ss -ltnp`,
      ),
    });
  } finally {
    other.close();
  }
  await checkPorts([{ place: PLACE }]);
});
