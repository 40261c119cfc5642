%% A gen_statem that owns a private table.
-module(erlmcp_sample_statem).
-behaviour(gen_statem).

-export([start_link/0, call/1]).
-export([init/1, callback_mode/0, serving/3]).

start_link() ->
    gen_statem:start_link({local, ?MODULE}, ?MODULE, [], []).

call(Request) ->
    gen_statem:call(?MODULE, Request, infinity).

callback_mode() -> state_functions.

init([]) ->
    Spec = {erlmcp_statem_private, [named_table, private, set], 100},
    {ok, serving, erlmcp_sample_tables:create_ets(Spec)}.

serving({call, From}, {digest, Table}, Data) ->
    {keep_state, Data, [{reply, From, erlmcp_sample_digest:ets(Table)}]}.
