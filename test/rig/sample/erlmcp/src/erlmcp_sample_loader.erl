%% Brings Mnesia's tables up in the background: creates and fills them on a first start, joins a
%% cluster, waits for what is on disc otherwise; then lets the writers begin.
-module(erlmcp_sample_loader).
-behaviour(gen_server).

-export([start_link/0, ready/0]).
-export([init/1, handle_continue/2, handle_call/3, handle_cast/2]).

start_link() ->
    persistent_term:put({?MODULE, ready}, false),
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

-spec ready() -> boolean().
ready() ->
    persistent_term:get({?MODULE, ready}, false).

init([]) ->
    {ok, none, {continue, load}}.

handle_continue(load, State) ->
    {Micros, ok} = timer:tc(fun() -> erlmcp_sample_mnesia:prepare() end),
    persistent_term:put({?MODULE, ready}, true),
    logger:notice("tables ready after ~b ms", [Micros div 1000]),
    ok = erlmcp_sample_writer:begin_writing(),
    {noreply, State}.

handle_call(_Request, _From, State) ->
    {reply, ok, State}.

handle_cast(_Request, State) ->
    {noreply, State}.
