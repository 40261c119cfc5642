// The threads of the pack writer, as an entry of its own in the bundle.
import "@erlmcp/pack/worker";
