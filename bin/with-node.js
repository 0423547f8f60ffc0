// `node bin/with-node.js FILE [ARGUMENT …]`: runs a TypeScript file of the checkout with a Node that understands it, whichever runs this.
import { become, findNode, withNode } from './find-node.js';

const node = findNode();
await become(node, ['--disable-warning=ExperimentalWarning', ...process.argv.slice(2)], withNode(node));
