// `node bin/with-node.js test/golden/write.ts` stores what others depend on (surfaces.ts) in fixtures/golden. Read the difference before you commit
// it: each line is something that a client, a script, a dashboard or an upgrade may rely on. `write.ts networks` stores those of one part alone.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GOLDEN, PARTS, PLACE, takeSurfaces } from './surfaces.ts';

const part = PARTS[process.argv[2] ?? ''];
const surfaces = await (part?.() ?? takeSurfaces(PLACE));
if (part === undefined) rmSync(GOLDEN, { recursive: true, force: true });
mkdirSync(GOLDEN, { recursive: true });
for (const [name, text] of surfaces) writeFileSync(join(GOLDEN, name), text);
