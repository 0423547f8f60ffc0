// `node bin/with-node.js FILE [ARGUMENT …]`: runs a TypeScript file of the checkout with a Node that understands it, whichever runs this.
import { WITHOUT_WARNING } from './daemon-flags.js';
import { become, findNode, withNode } from './find-node.js';

const node = findNode();
await become(node, [WITHOUT_WARNING, ...process.argv.slice(2)], withNode(node));
