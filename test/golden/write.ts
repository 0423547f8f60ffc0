// `node bin/with-node.js test/golden/write.ts` stores what others depend on (surfaces.ts) in fixtures/golden. Read the difference before you commit
// it: each line is something that a client, a script, a dashboard or an upgrade may rely on. `write.ts networks` stores those of networks alone.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GOLDEN, PLACE, takeNetworks, takeSurfaces } from './surfaces.ts';

const isPart = process.argv[2] === 'networks';
const surfaces = isPart ? await takeNetworks() : await takeSurfaces(PLACE);
if (!isPart) rmSync(GOLDEN, { recursive: true, force: true });
mkdirSync(GOLDEN, { recursive: true });
for (const [name, text] of surfaces) writeFileSync(join(GOLDEN, name), text);
