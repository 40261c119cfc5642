// The threads that open packs, as an entry of its own in the bundle.
import "@erlmcp/pack/exam-worker";
